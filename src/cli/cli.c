/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From argv to an exit code: finds the command, parses its line, runs it. */
#include "base/alloc.h"
#include "cli/arguments.h"
#include "cli/help.h"

#include <errno.h>
#include <stdarg.h>

enum { MESSAGE_MAX = 4096 };

SD_PRINTF(2, 0)
static void print_message(const sd_command_context *context, const char *format, va_list args)
{
  char text[MESSAGE_MAX];
  vsnprintf(text, sizeof text, format, args);
  sd_scrub_text(context->scrubber, text, sizeof text);
  fflush(context->out);
  fprintf(context->err, "streamduck: %s\n", text);
}

void sd_command_print_error(const sd_command_context *context, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  print_message(context, format, args);
  va_end(args);
}

sd_exit sd_command_fail(const sd_command_context *context, sd_exit code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  print_message(context, format, args);
  va_end(args);
  return code;
}

sd_exit sd_command_unknown(const sd_command_context *context, const char *name)
{
  const sd_command *near = sd_command_nearest(name);
  if (near)
    return sd_command_fail(context, SD_EXIT_USAGE,
                           "there is no command \"%s\"; did you mean `streamduck %s`?", name, near->name);
  return sd_command_fail(context, SD_EXIT_USAGE,
                         "there is no command \"%s\"; `streamduck help` lists the commands", name);
}

/* Output that could not be written must not look like success. */
static int finish(const sd_command_context *context, int code)
{
  bool written = fflush(context->out) == 0 && !ferror(context->out);
  if (written || errno == EPIPE)
    return code;
  sd_command_print_error(context, "the output could not be written");
  return code == SD_EXIT_OK ? SD_EXIT_CONFIG : code;
}

int sd_cli_main(int argc, char **argv, FILE *out, FILE *err)
{
  sd_command_context context = {.program = argc > 0 ? argv[0] : "streamduck", .out = out, .err = err};
  if (argc < 2) {
    sd_help_print_commands(err);
    return SD_EXIT_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    name = "help";
  else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
    name = "version";
  context.command = sd_command_find(name);
  if (!context.command)
    return sd_command_unknown(&context, name);

  int code = SD_EXIT_USAGE;
  sd_error error;
  sd_arguments *arguments = sd_calloc(1, sizeof *arguments);
  if (!arguments || sd_scrubber_new(&context.scrubber) != SD_OK) {
    code = sd_command_fail(&context, SD_EXIT_CONFIG, "out of memory");
    goto out;
  }
  context.arguments = arguments;
  if (sd_arguments_parse(arguments, context.command, argc, argv, 2, &error) != SD_OK) {
    sd_command_print_error(&context, "%s", error.message);
    goto out;
  }
  if (arguments->help) {
    sd_help_print_command(context.command, out);
    code = SD_EXIT_OK;
  } else {
    code = context.command->run(&context);
  }
  code = finish(&context, code);
out:
  sd_scrubber_free(context.scrubber);
  sd_free(arguments);
  return code;
}
