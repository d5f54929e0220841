#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define ANNOTATE 1
#else
#define ANNOTATE 0
#endif

#if defined(__x86_64__) && !defined(VG_EMULATE_UCONTEXT)
#define OWN_SWITCH 1
#else
#define OWN_SWITCH 0
#include <ucontext.h>
#endif

enum { STACK = 256 << 10, GUARD = 4096 };

struct vg_fiber {
  void (*run)(void);
  char *stack; /* STACK bytes above a guard page */
#if OWN_SWITCH
  void *sp;
#else
  ucontext_t context;
#endif
  void *fake; /* what the address sanitizer keeps of it while it sleeps */
};

static vg_fiber home; /* the main flow */
static vg_fiber *current;
#if ANNOTATE
static const void *home_bottom;
static size_t home_size;
#endif

#if OWN_SWITCH
/* Saves the callee-saved registers and the stack pointer to *from, goes on at `to`. */
void vg_fiber_switch(void **from, void *to);
__asm__(
    ".text\n"
    ".local vg_fiber_switch\n"
    ".type vg_fiber_switch,@function\n"
    "vg_fiber_switch:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  subq $8, %rsp\n  stmxcsr (%rsp)\n  fnstcw 4(%rsp)\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  ldmxcsr (%rsp)\n  fldcw 4(%rsp)\n  addq $8, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    ".size vg_fiber_switch,.-vg_fiber_switch\n");
#endif

static void jump(vg_fiber *from, vg_fiber *to) {
#if ANNOTATE
  __sanitizer_start_switch_fiber(&from->fake, to == &home ? home_bottom : to->stack,
                                 to == &home ? home_size : STACK);
#endif
#if OWN_SWITCH
  vg_fiber_switch(&from->sp, to->sp);
#else
  swapcontext(&from->context, &to->context);
#endif
#if ANNOTATE
  __sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

static void enter(void) {
#if ANNOTATE
  __sanitizer_finish_switch_fiber(NULL, &home_bottom, &home_size);
#endif
  current->run();
  abort();
}

vg_fiber *vg_fiber_new(void (*run)(void)) {
  vg_fiber *f = calloc(1, sizeof *f);
  char *p = mmap(NULL, STACK + GUARD, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (!f || p == MAP_FAILED || mprotect(p, GUARD, PROT_NONE)) {
    fprintf(stderr, "emulation: no memory for the stack of a thread\n");
    abort();
  }
  f->run = run;
  f->stack = p + GUARD;
#if OWN_SWITCH
  {
    uint64_t *sp = (uint64_t *)(void *)(f->stack + STACK);
    uint32_t *control;
    *--sp = 0; /* where a caller's return address would be */
    *--sp =
        (uint64_t)(uintptr_t)enter; /* popped by ret: the stack is then 8 mod 16, as after call */
    for (int i = 0; i < 6; i++) *--sp = 0;
    *--sp = 0;
    control = (uint32_t *)(void *)sp;
    control[0] = 0x1f80; /* the default of mxcsr and of the x87 control word */
    control[1] = 0x037f;
    f->sp = sp;
  }
#else
  getcontext(&f->context);
  f->context.uc_stack.ss_sp = f->stack;
  f->context.uc_stack.ss_size = STACK;
  makecontext(&f->context, enter, 0);
#endif
  return f;
}

void vg_fiber_resume(vg_fiber *f) {
  current = f;
  jump(&home, f);
  current = NULL;
}

void vg_fiber_yield(void) { jump(current, &home); }

vg_fiber *vg_fiber_self(void) { return current; }
