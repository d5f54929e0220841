/* Status codes shared by the public API, the core and the backends. */
#ifndef VGGLUA_STATUS_H
#define VGGLUA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#define VG_API __attribute__((visibility("default")))

typedef enum vg_status {
  VG_OK = 0,
  VG_EINVAL,       /* a wrong argument */
  VG_ESHAPE,       /* shapes do not fit */
  VG_EDTYPE,       /* wrong element type */
  VG_ESTATE,       /* right call, wrong moment: backward twice, closed handle */
  VG_EUNSUPPORTED, /* the backend has no such operation */
  VG_ENOMEM,       /* out of memory, or over the limit */
  VG_EDEVICE,      /* device missing or failed */
  VG_EIO,          /* file or network refused */
  VG_EDATA,        /* input is damaged or does not fit */
  VG_ENUMERIC,     /* NaN or Inf where numbers were wanted */
  VG_EINTR,        /* interrupted by the user */
  VG_EINTERNAL     /* our own mistake */
} vg_status;

/* Text of the last failure on this thread; "" when there was none. Valid until the next failure. */
VG_API const char *vg_error(void);

/* Short lower-case name of a code: "shape", "data", "interrupted", ... */
VG_API const char *vg_status_name(vg_status code);

/* Process exit code for a failure: 0 done, 1 error, 3 data, 4 numbers, 5 device or memory, 130. */
VG_API int vg_exit_code(vg_status code);

#ifdef __cplusplus
}
#endif
#endif
