/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Drawing a tree. The form is a table, so that another one is another table. */
#include "export/console_draw.h"

typedef struct form {
  const char *branch; /* before a child's marker */
  const char *corner; /* before the last child's */
  const char *bar;    /* left of what is below a child */
  const char *gap;    /* left of what is below the last child */
  const char *root;   /* left of what is below the root */
  const char *line;   /* before each line of a span */
  const char *empty;  /* between spans */
} form;

static const form tree_form = {
    .branch = "├─", .corner = "└─", .bar = "│   ", .gap = "    ", .root = "  ", .line = "│ ", .empty = "│"};

typedef struct pen {
  const form *form;
  const sd_console_palette *palette;
  sd_buf *out;
  const char *left[SD_CONSOLE_DEPTH_MAX]; /* what stands left of the lines of each level */
  size_t depth;
} pen;

static void put_left(const pen *p, size_t depth, const char *more)
{
  sd_buf_append_text(p->out, p->palette->frame);
  for (size_t i = 0; i < depth && i < SD_CONSOLE_DEPTH_MAX; i++)
    sd_buf_append_text(p->out, p->left[i]);
  sd_buf_append_text(p->out, more);
  sd_buf_append_text(p->out, p->palette->end);
}

static void put_empty(const pen *p, size_t depth)
{
  put_left(p, depth, p->form->empty);
  sd_buf_append_byte(p->out, '\n');
}

/* The title behind its marker, then the lines of the node at the pen's depth. */
static void put_node(const pen *p, const sd_console_node *node)
{
  const char *at = node->text;
  const char *end = node->text + node->len;
  const char *line_end = memchr(at, '\n', (size_t)(end - at));
  sd_buf_append_text(p->out, node->marker);
  sd_buf_append(p->out, at, (size_t)(line_end - at));
  if (node->is_late)
    sd_buf_append_text(p->out, " (late)");
  sd_buf_append_byte(p->out, '\n');
  for (at = line_end + 1; at < end; at = line_end + 1) {
    line_end = memchr(at, '\n', (size_t)(end - at));
    put_left(p, p->depth, p->form->line);
    sd_buf_append(p->out, at, (size_t)(line_end + 1 - at));
  }
}

static void enter(pen *p, const char *left)
{
  if (p->depth < SD_CONSOLE_DEPTH_MAX)
    p->left[p->depth] = left;
  p->depth++;
}

void sd_console_draw(const sd_console_node *top, const sd_console_palette *palette, sd_buf *out)
{
  pen p = {.form = &tree_form, .palette = palette, .out = out};
  size_t good = out->len;
  enter(&p, p.form->root);
  put_node(&p, top);
  for (const sd_console_node *node = top; sd_buf_status(out) == SD_OK;) {
    good = out->len;
    if (node->first) {
      put_empty(&p, p.depth);
      node = node->first;
    } else {
      while (node != top && !node->next) {
        node = node->parent;
        p.depth--;
      }
      if (node == top)
        break;
      p.depth--;
      /* Logs in a row need no space between them. */
      if (!node->is_log || !node->next->is_log)
        put_empty(&p, p.depth);
      node = node->next;
    }
    put_left(&p, p.depth, node->next ? p.form->branch : p.form->corner);
    if (node->is_log)
      sd_buf_append_byte(out, ' ');
    enter(&p, node->next ? p.form->bar : p.form->gap);
    put_node(&p, node);
  }
  if (sd_buf_status(out) != SD_OK)
    sd_buf_truncate(out, good);
  else if (!top->is_log)
    sd_buf_append_byte(out, '\n');
}
