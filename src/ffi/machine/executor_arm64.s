// The executor of syscall programs, arm64. Same layout and flags as executor_x64.s, which explains them.
//
//   long execute(struct header *h)            AAPCS64: h in x0
	.globl _start
_start:
	stp	x19, x20, [sp, #-32]!
	str	x21, [sp, #16]
	mov	x20, x0
	ldr	x19, [x20]
	mov	x21, #0                 // index of the op, from 1
next:
	add	x21, x21, #1
	ldr	x9, [x19, #56]
	ldp	x0, x1, [x19, #8]
	ldp	x2, x3, [x19, #24]
	ldp	x4, x5, [x19, #40]
	tbz	x9, #8, 1f
	ldr	x0, [x0]
1:	tbz	x9, #9, 1f
	ldr	x1, [x1]
1:	tbz	x9, #10, 1f
	ldr	x2, [x2]
1:	tbz	x9, #11, 1f
	ldr	x3, [x3]
1:	tbz	x9, #12, 1f
	ldr	x4, [x4]
1:	tbz	x9, #13, 1f
	ldr	x5, [x5]
1:	ldr	x8, [x19]
	svc	#0
	str	x0, [x19, #72]
	ldr	x9, [x19, #56]
	tbnz	x0, #63, negative
	cbnz	x0, good
	tbnz	x9, #2, failed          // NONZERO
good:
	tbz	x9, #0, store           // FORK
	cbz	x0, advance             // the child goes on
	ldr	x10, [x19, #64]
	cbz	x10, forked
	str	x0, [x10]
forked:
	tbz	x9, #3, leave           // EXIT
	mov	x0, #0
	b	die
store:
	ldr	x10, [x19, #64]
	cbz	x10, skip
	str	x0, [x10]
skip:
	tbnz	x9, #4, leave           // STOP
	ubfx	x10, x9, #16, #8
	add	x21, x21, x10
	mov	x11, #80
	madd	x19, x10, x11, x19
advance:
	add	x19, x19, #80
	b	next
negative:
	tbnz	x9, #1, advance         // IGNORE
	tbz	x9, #5, failed          // MISSING
	cmn	x0, #2                  // ENOENT
	b.eq	advance
failed:
	str	x21, [x20, #8]
	str	x0, [x20, #16]
	tbnz	x9, #3, handle          // EXIT: we are a child ourselves, which must never return
	tbnz	x9, #0, leave           // another FORK that failed is the caller's to report
handle:
	ldr	x19, [x20, #24]
	str	xzr, [x20, #24]
	cbnz	x19, next
	mov	x0, #125
die:
	mov	x8, #94                 // exit_group
	svc	#0
leave:
	ldr	x21, [sp, #16]
	ldp	x19, x20, [sp], #32
	ret
