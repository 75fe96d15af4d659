/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Which spans wait for which, and when a tree is complete. */
#include "export/console_tree.h"

#include "base/alloc.h"
#include "export/console_draw.h"

enum {
  BUCKETS = 1024,
  PRINTED = 2048, /* spans remembered after they were written: a child that ends later comes alone */
  TREE_NAMES_MAX = 64,
  OUTPUT_MAX = 4 * SD_CONSOLE_BYTES_MAX
};

struct sd_console_tree {
  sd_console_tree_options options;
  char **names; /* ends with NULL; NULL: roots only */
  sd_console_node *buckets[BUCKETS];
  sd_console_node forest; /* its children are the tops, the oldest first */
  uint64_t printed[PRINTED];
  size_t count;
  size_t bytes;
  sd_buf text;
  sd_buf output;
};

/* ---- Nodes
 * ------------------------------------------------------------------------------------------------------ */

static uint64_t id_of(const uint8_t id[SD_SPAN_ID_SIZE])
{
  uint64_t number;
  memcpy(&number, id, sizeof number);
  return number;
}

static sd_console_node *find(sd_console_tree *tree, uint64_t id)
{
  sd_console_node *node = tree->buckets[id % BUCKETS];
  while (node && node->id != id)
    node = node->same_bucket;
  return node;
}

static void detach(sd_console_node *node)
{
  sd_console_node *parent = node->parent;
  if (node->before)
    node->before->next = node->next;
  else
    parent->first = node->next;
  if (node->next)
    node->next->before = node->before;
  else
    parent->last = node->before;
  node->parent = node->before = node->next = NULL;
}

/* Children stand in the order in which they started, tops in that in which they came. */
static void attach(sd_console_tree *tree, sd_console_node *parent, sd_console_node *node)
{
  sd_console_node *before = parent->last;
  while (parent != &tree->forest && before && before->start_unix_ns > node->start_unix_ns)
    before = before->before;
  node->parent = parent;
  node->before = before;
  node->next = before ? before->next : parent->first;
  if (node->next)
    node->next->before = node;
  else
    parent->last = node;
  if (before)
    before->next = node;
  else
    parent->first = node;
}

static bool is_below(const sd_console_node *node, const sd_console_node *top)
{
  while (node && node != top)
    node = node->parent;
  return node != NULL;
}

static void move(sd_console_tree *tree, sd_console_node *parent, sd_console_node *node)
{
  if (node->parent == parent || is_below(parent, node))
    return;
  detach(node);
  attach(tree, parent, node);
}

/* A node at the forest's end. id 0: it is no parent of others. */
static sd_console_node *make(sd_console_tree *tree, uint64_t id)
{
  sd_console_node *node = sd_calloc(1, sizeof *node);
  if (!node)
    return NULL;
  node->id = id;
  node->is_open = true;
  if (id) {
    node->same_bucket = tree->buckets[id % BUCKETS];
    tree->buckets[id % BUCKETS] = node;
  }
  attach(tree, &tree->forest, node);
  tree->count++;
  tree->bytes += sizeof *node;
  return node;
}

static sd_console_node *find_or_make(sd_console_tree *tree, uint64_t id)
{
  sd_console_node *node = find(tree, id);
  return node ? node : make(tree, id);
}

/* Frees a node without children. */
static void drop(sd_console_tree *tree, sd_console_node *node)
{
  if (node->id) {
    sd_console_node **at = &tree->buckets[node->id % BUCKETS];
    while (*at != node)
      at = &(*at)->same_bucket;
    *at = node->same_bucket;
  }
  detach(node);
  tree->count--;
  tree->bytes -= sizeof *node + node->len;
  sd_free(node->text);
  sd_free(node);
}

static bool set_text(sd_console_tree *tree, sd_console_node *node, const sd_record *record)
{
  sd_buf_clear(&tree->text);
  if (sd_console_describe(record, tree->options.palette, &tree->text) != SD_OK)
    return false;
  char *text = sd_strndup((const char *)tree->text.data, tree->text.len);
  if (!text)
    return false;
  sd_free(node->text);
  tree->bytes -= node->len;
  node->text = text;
  node->len = tree->text.len;
  tree->bytes += node->len;
  node->marker = sd_console_marker(record);
  return true;
}

/* ---- Writing
 * ---------------------------------------------------------------------------------------------------- */

static bool was_printed(const sd_console_tree *tree, uint64_t id)
{
  return tree->printed[id % PRINTED] == id;
}

static void free_below(sd_console_tree *tree, sd_console_node *top, bool is_printed)
{
  sd_console_node *node = top;
  for (;;) {
    while (node->first)
      node = node->first;
    sd_console_node *parent = node->parent;
    bool is_last = node == top;
    if (is_printed && node->id)
      tree->printed[node->id % PRINTED] = node->id;
    drop(tree, node);
    if (is_last)
      return;
    node = parent;
  }
}

/* Puts the children of a node that is not shown into its place. The node is left without parent and children.
 */
static void replace_by_children(sd_console_node *node)
{
  sd_console_node *parent = node->parent;
  for (sd_console_node *child = node->first; child; child = child->next)
    child->parent = parent;
  if (node->first) {
    sd_console_node *before = node->before;
    sd_console_node *next = node->next;
    node->first->before = before;
    node->last->next = next;
    if (before)
      before->next = node->first;
    else
      parent->first = node->first;
    if (next)
      next->before = node->last;
    else
      parent->last = node->last;
    node->first = node->last = node->parent = node->before = node->next = NULL;
  } else {
    detach(node);
  }
}

/* The node behind this one in a walk that sees parents before their children. */
static sd_console_node *next_below(sd_console_node *node, const sd_console_node *top)
{
  if (node->first)
    return node->first;
  while (node != top && !node->next)
    node = node->parent;
  return node == top ? NULL : node->next;
}

/* What is still open leaves the tree, and what it had below it takes its place. */
static void part_with_open(sd_console_tree *tree, sd_console_node *top)
{
  for (sd_console_node *node = next_below(top, top); node;) {
    sd_console_node *following = next_below(node, top);
    if (node->is_open) {
      replace_by_children(node);
      attach(tree, &tree->forest, node);
    }
    node = following;
  }
}

static void print(sd_console_tree *tree, sd_console_node *top)
{
  part_with_open(tree, top);
  sd_buf_clear(&tree->output);
  sd_console_draw(top, tree->options.palette, &tree->output);
  if (tree->output.len > 0)
    tree->options.write(tree->options.user, (const char *)tree->output.data, tree->output.len);
  free_below(tree, top, true);
}

/* A top that waits for too much: what it has below goes out, it stays as a parent that may still end. */
static void print_children(sd_console_tree *tree, sd_console_node *top)
{
  part_with_open(tree, top);
  while (top->first)
    print(tree, top->first);
}

static void make_room(sd_console_tree *tree)
{
  while (tree->count > SD_CONSOLE_SPANS_MAX || tree->bytes > SD_CONSOLE_BYTES_MAX) {
    sd_console_node *oldest = tree->forest.first;
    if (!oldest->is_open) {
      print(tree, oldest);
      continue;
    }
    bool had_children = oldest->first != NULL;
    print_children(tree, oldest);
    if (!had_children) {
      drop(tree, oldest);
    } else {
      /* Others' turn first. */
      detach(oldest);
      attach(tree, &tree->forest, oldest);
    }
  }
}

/* ---- Records
 * ---------------------------------------------------------------------------------------------------- */

static bool is_tree_name(const sd_console_tree *tree, const sd_record *record)
{
  sd_bytes name = sd_bytes_make(record->name, record->name_len);
  for (char **known = tree->names; known && *known; known++) {
    if (sd_bytes_equal_text(name, *known))
      return true;
  }
  return false;
}

static bool has_parent(const sd_record *record)
{
  return id_of(record->parent_id) != 0 && !record->parent_remote;
}

/* False: without memory. A parent whose tree was written is none. */
static bool hang_on_parent(sd_console_tree *tree, sd_console_node *node, const sd_record *record)
{
  uint64_t id = id_of(record->parent_id);
  if (was_printed(tree, id)) {
    node->is_late = true;
    return true;
  }
  sd_console_node *parent = find_or_make(tree, id);
  if (!parent)
    return false;
  /* The oldest wait longest: a new parent takes the place of the forest's end, its children's age is its own.
   */
  move(tree, parent, node);
  return true;
}

static bool add_pending(sd_console_tree *tree, const sd_record *record)
{
  sd_console_node *node = find_or_make(tree, id_of(record->span_id));
  if (!node)
    return false;
  node->start_unix_ns = record->start_unix_ns;
  node->is_tree = is_tree_name(tree, record);
  return !has_parent(record) || hang_on_parent(tree, node, record);
}

static bool add_span(sd_console_tree *tree, const sd_record *record)
{
  bool is_hidden = sd_console_level(record) < tree->options.min_level;
  sd_console_node *node = find_or_make(tree, id_of(record->span_id));
  if (!node || (!is_hidden && !set_text(tree, node, record)))
    return false;
  node->start_unix_ns = record->start_unix_ns;
  bool is_top = !has_parent(record);
  if (!is_top && !hang_on_parent(tree, node, record))
    return false;
  is_top = is_top || node->is_late || is_tree_name(tree, record);
  if (is_hidden && is_top) {
    print_children(tree, node);
  } else if (is_hidden) {
    replace_by_children(node);
    attach(tree, &tree->forest, node);
  } else {
    node->is_open = false;
    if (is_top)
      print(tree, node);
    return true;
  }
  free_below(tree, node, true);
  return true;
}

/* Whether the span, or one that it is part of, is written when it ends though its parent is open. */
static bool is_in_tree(sd_console_tree *tree, uint64_t id)
{
  for (const sd_console_node *node = find(tree, id); node; node = node->parent) {
    if (node->is_tree)
      return true;
  }
  return false;
}

static bool add_log(sd_console_tree *tree, const sd_record *record)
{
  if (sd_console_level(record) < tree->options.min_level)
    return true;
  sd_console_node *node = make(tree, 0);
  if (!node)
    return false;
  node->is_open = false;
  node->is_log = true;
  node->start_unix_ns = record->start_unix_ns;
  if (!set_text(tree, node, record)) {
    drop(tree, node);
    return false;
  }
  uint64_t parent = id_of(record->parent_id);
  if (!has_parent(record) || was_printed(tree, parent) || (tree->names && !is_in_tree(tree, parent)))
    print(tree, node);
  else if (!hang_on_parent(tree, node, record))
    print(tree, node);
  return true;
}

bool sd_console_tree_add(sd_console_tree *tree, const sd_record *record)
{
  bool is_added = record->kind == SD_RECORD_PENDING ? add_pending(tree, record)
                  : record->is_log                  ? add_log(tree, record)
                                                    : add_span(tree, record);
  make_room(tree);
  return is_added;
}

void sd_console_tree_finish(sd_console_tree *tree)
{
  while (tree->forest.first) {
    sd_console_node *oldest = tree->forest.first;
    if (oldest->is_open) {
      print_children(tree, oldest);
      drop(tree, oldest);
    } else {
      print(tree, oldest);
    }
  }
}

void sd_console_tree_clear(sd_console_tree *tree)
{
  while (tree->forest.first)
    free_below(tree, tree->forest.first, false);
}

/* ---- The tree
 * --------------------------------------------------------------------------------------------------- */

static void free_names(char **names)
{
  for (char **name = names; name && *name; name++)
    sd_free(*name);
  sd_free(names);
}

static sd_status copy_names(const char *const *names, char ***ret_names)
{
  size_t count = 0;
  while (names && names[count])
    count++;
  if (count > TREE_NAMES_MAX)
    return SD_LIMIT;
  char **copy = sd_calloc(count + 1, sizeof *copy);
  if (!copy)
    return SD_NOMEM;
  for (size_t i = 0; i < count; i++) {
    if (!(copy[i] = sd_strdup(names[i]))) {
      free_names(copy);
      return SD_NOMEM;
    }
  }
  *ret_names = copy;
  return SD_OK;
}

sd_status sd_console_tree_new(const sd_console_tree_options *options, sd_console_tree **ret_tree)
{
  sd_console_tree *tree = sd_calloc(1, sizeof *tree);
  if (!tree)
    return SD_NOMEM;
  sd_status status = options->tree_names ? copy_names(options->tree_names, &tree->names) : SD_OK;
  if (status != SD_OK) {
    sd_free(tree);
    return status;
  }
  tree->options = *options;
  tree->options.tree_names = NULL;
  sd_buf_init(&tree->text, OUTPUT_MAX);
  sd_buf_init(&tree->output, OUTPUT_MAX);
  *ret_tree = tree;
  return SD_OK;
}

void sd_console_tree_free(sd_console_tree *tree)
{
  if (!tree)
    return;
  sd_console_tree_clear(tree);
  sd_buf_release(&tree->output);
  sd_buf_release(&tree->text);
  free_names(tree->names);
  sd_free(tree);
}

size_t sd_console_tree_count(const sd_console_tree *tree)
{
  return tree->count;
}

size_t sd_console_tree_bytes(const sd_console_tree *tree)
{
  return tree->bytes;
}
