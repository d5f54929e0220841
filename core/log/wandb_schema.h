/* The messages of a W&B transaction log, as far as we write them: names, numbers and types of their
   fields. Names and numbers are those of the official wandb_internal package. */
#ifndef VG_LOG_WANDB_SCHEMA_H
#define VG_LOG_WANDB_SCHEMA_H

#include "base/status.h"

typedef enum vg_wandb_type {
  VG_WANDB_INT,
  VG_WANDB_BOOL,
  VG_WANDB_STRING,
  VG_WANDB_MESSAGE
} vg_wandb_type;

typedef struct vg_wandb_field vg_wandb_field;
struct vg_wandb_field {
  const char *name;
  uint32_t number;
  vg_wandb_type type;
  bool repeated;
  const vg_wandb_field *message; /* fields of a message, ended by a NULL name */
};

/* Members of Record's oneof: header, run, history, summary, ... */
extern const vg_wandb_field vg_wandb_record[];

#endif
