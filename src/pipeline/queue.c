/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Queues of what is ready, and who works on them. */
#include "base/alloc.h"
#include "pipeline/run.h"

sd_status sd_queue_for(sd_run *run, sd_queue *from, sd_backend *backend, sd_execution execution,
                       sd_queue **ret_queue)
{
  if (!from)
    from = &run->caller;
  if (execution == SD_SEQUENTIAL) {
    *ret_queue = from;
    return SD_OK;
  }
  bool pooled = execution == SD_THREADED || from->pooled;
  uint32_t limit = execution == SD_ASYNCHRONOUS ? backend->max_workers : 0;
  /* Asynchronous below threads stays with those threads. */
  sd_backend *threads = execution == SD_THREADED || !from->pooled ? backend : from->backend;
  sd_status status = SD_OK;
  pthread_mutex_lock(&run->lock);
  sd_queue *queue = run->queues;
  while (queue && !(queue->backend == threads && queue->pooled == pooled && queue->limit == limit))
    queue = queue->next;
  if (!queue) {
    queue = sd_calloc(1, sizeof *queue);
    if (queue) {
      *queue =
          (sd_queue){.next = run->queues, .run = run, .backend = threads, .pooled = pooled, .limit = limit};
      run->queues = queue;
    }
  }
  pthread_mutex_unlock(&run->lock);
  if (!queue)
    status = SD_NOMEM;
  else
    *ret_queue = queue;
  return status;
}

void sd_queue_push(sd_queue *queue, sd_job *job)
{
  job->next = NULL;
  if (queue->tail)
    queue->tail->next = job;
  else
    queue->head = job;
  queue->tail = job;
  if (queue->pooled)
    sd_pool_list(queue->backend, queue);
  if (queue->run->waiting)
    pthread_cond_signal(&queue->run->wake);
}

sd_job *sd_queue_pop(sd_queue *queue)
{
  sd_job *before = NULL;
  sd_job *job = queue->head;
  /* At the limit only what does not count may begin. */
  while (job && job->counted && queue->limit > 0 && queue->running >= queue->limit) {
    before = job;
    job = job->next;
  }
  if (job) {
    if (before)
      before->next = job->next;
    else
      queue->head = job->next;
    if (queue->tail == job)
      queue->tail = before;
    queue->running += job->counted;
  }
  if (queue->pooled && (!job || !queue->head))
    sd_pool_unlist(queue->backend, queue);
  return job;
}

void sd_job_do(sd_job *job)
{
  switch (job->kind) {
  case SD_JOB_NODE: {
    sd_frame *frame = job->object;
    uint32_t record = job->record;
    if (sd_node_begin(frame, record))
      sd_node_over(frame, record);
    break;
  }
  case SD_JOB_PULL: {
    sd_mapping *map = job->object;
    if (sd_mapping_pull(map))
      sd_mapping_over(map);
    break;
  }
  case SD_JOB_CALL: {
    sd_node_call *call = job->object;
    sd_frame *frame = call->frame;
    uint32_t record = call->record;
    const sd_record *r = &frame->plan->records[record];
    for (uint32_t k = 0; call->status == SD_OK && k < r->output_count; k++)
      frame->slots[r->output_slot + k] = call->outputs[k];
    sd_error error = call->error;
    if (sd_call_over(call, call->status, &error))
      sd_node_over(frame, record);
    break;
  }
  case SD_JOB_RETRY: {
    sd_node_call *call = job->object;
    sd_frame *frame = call->frame;
    uint32_t record = call->record;
    if (sd_call_try(call))
      sd_node_over(frame, record);
    break;
  }
  }
}
