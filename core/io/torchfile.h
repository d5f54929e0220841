/* Files of torch.save, read without Python and without running anything: the zip form (.pth, .pt,
   Lightning's .ckpt) and the legacy form of before PyTorch 1.6. The pickle inside may name the few
   globals that plain tensors, optimizer states and hyper-parameters need; any other is refused by
   its name. Tensors are views into the mapped file.

   A tensor's name is its path through dicts and lists: "state_dict.features.0.weight",
   "optimizer_states.0.state.3.exp_avg" (indices from 0, as in Python). */
#ifndef VG_IO_TORCHFILE_H
#define VG_IO_TORCHFILE_H

#include "io/safetensors.h"

typedef struct vg_torchfile vg_torchfile;

/* Whether the bytes begin as either form does. */
VG_API bool vg_torchfile_is(const void *data, size_t size);
/* From memory, which is borrowed. VG_EDATA: damaged, or holds what is refused, saying which. */
VG_API vg_status vg_torchfile_parse(vg_torchfile **out, const void *data, size_t size,
                                    const char *name, const char *what);
VG_API void vg_torchfile_close(vg_torchfile *f);

VG_API bool vg_torchfile_is_zip(const vg_torchfile *f);
VG_API size_t vg_torchfile_count(const vg_torchfile *f);
VG_API const vg_st_tensor *vg_torchfile_at(const vg_torchfile *f, size_t i); /* file order */
VG_API const vg_st_tensor *vg_torchfile_find(const vg_torchfile *f, const char *name);

/* Everything that is no tensor as JSON text (tensors are null), e.g. epoch, hyper_parameters. */
VG_API const char *vg_torchfile_plain(const vg_torchfile *f);
/* A text kept beside the pickle ("extra/NAME"), or NULL. */
VG_API vg_status vg_torchfile_extra(const vg_torchfile *f, const char *name, const char **text,
                                    size_t *n);

/* See vg_zip_on_read; nothing for legacy files, which have no sums. */
VG_API void vg_torchfile_on_read(vg_torchfile *f, void (*read)(void *, const void *, size_t),
                                 void *arg);
/* Compares the bytes that hold a tensor with their CRC, once; legacy files have none. */
VG_API vg_status vg_torchfile_verify(const vg_torchfile *f, const vg_st_tensor *t);

#endif
