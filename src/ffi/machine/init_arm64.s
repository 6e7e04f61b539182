// The init of a container, arm64. Same behaviour and stack as init_x64.s, which explains them.
//
// x21 the command's argv | x22 environment | x23 the child
// in the child: x24 command | x25 its length | x26 place in PATH | x27 the error to report
	.globl _start
_start:
	ldr	x9, [sp]
	mov	x0, #125
	cmp	x9, #3
	b.lo	exit
	add	x21, sp, #24
	add	x22, sp, #16
	add	x22, x22, x9, lsl #3
	sub	sp, sp, #8192
	mov	x9, #-1
	str	x9, [sp]
	bl	mask
	mov	x0, #15                 // PR_SET_NAME
	adr	x1, name
	mov	x8, #167                // prctl
	svc	#0
	mov	x0, #36                 // PR_SET_CHILD_SUBREAPER
	mov	x1, #1
	mov	x8, #167
	svc	#0
	mov	x2, #4                  // CLOSE_RANGE_CLOEXEC
	bl	close
	mov	x0, #17                 // SIGCHLD and nothing shared: fork
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	mov	x4, #0
	mov	x8, #220                // clone
	svc	#0
	tbnz	x0, #63, report
	cbz	x0, child
	mov	x23, x0
	mov	x2, #0
	bl	close
wait:
	mov	x0, sp
	mov	x1, #0
	mov	x2, #0
	mov	x3, #8
	mov	x8, #137                // rt_sigtimedwait
	svc	#0
	cmp	x0, #0
	b.le	wait
	cmp	x0, #17                 // SIGCHLD
	b.eq	reap
	mov	x1, x0
	mov	x0, x23
	mov	x8, #129                // kill
	svc	#0
	b	wait
reap:
	mov	x0, #-1
	add	x1, sp, #8
	mov	x2, #1                  // WNOHANG
	mov	x3, #0
	mov	x8, #260                // wait4
	svc	#0
	cmp	x0, #0
	b.le	wait
	cmp	x0, x23
	b.ne	reap
	ldr	w9, [sp, #8]
	ands	w0, w9, #127
	b.eq	exited
	add	w0, w0, #128
	b	exit
exited:
	ubfx	w0, w9, #8, #8
exit:
	mov	x8, #94                 // exit_group
	svc	#0

mask:
	mov	x0, #2                  // SIG_SETMASK
	mov	x1, sp
	mov	x2, #0
	mov	x3, #8
	mov	x8, #135                // rt_sigprocmask
	svc	#0
	ret
close:
	mov	x0, #3
	mov	w1, #-1
	mov	x8, #436                // close_range
	svc	#0
	ret

child:
	mov	x0, #0
	mov	x1, #0
	mov	x8, #154                // setpgid
	svc	#0
	mov	x8, #172                // getpid
	svc	#0
	str	x0, [sp, #8]
	mov	x0, #0
	mov	x1, #0x5410             // TIOCSPGRP
	add	x2, sp, #8
	mov	x8, #29                 // ioctl
	svc	#0
	str	xzr, [sp]
	stp	xzr, xzr, [sp, #32]
	stp	xzr, xzr, [sp, #48]
	mov	x26, #64
default:
	mov	x0, x26
	add	x1, sp, #32
	mov	x2, #0
	mov	x3, #8
	mov	x8, #134                // rt_sigaction
	svc	#0
	subs	x26, x26, #1
	b.ne	default
	bl	mask
	ldr	x24, [x21]
	mov	x25, #0
scan:
	ldrb	w9, [x24, x25]
	cbz	w9, search
	add	x25, x25, #1
	cmp	w9, #'/'
	b.ne	scan
	mov	x0, x24
	bl	execute
	b	report
search:
	mov	x27, #-2                // ENOENT
	cbz	x25, failed
	cmp	x25, #255
	b.hi	failed
	mov	x10, x22
	ldr	w11, path
variable:
	ldr	x26, [x10], #8
	cbz	x26, failed
	ldr	w9, [x26]
	cmp	w9, w11
	b.ne	variable
	ldrb	w9, [x26, #4]
	cmp	w9, #'='
	b.ne	variable
	add	x26, x26, #5
directory:
	ldrb	w12, [x26]
	add	x13, sp, #32            // where the next byte goes
	add	x14, x13, #4096         // end of a directory
copy:
	ldrb	w9, [x26]
	cbz	w9, candidate
	cmp	w9, #':'
	b.eq	candidate
	add	x26, x26, #1
	cmp	x13, x14
	b.eq	copy
	strb	w9, [x13], #1
	b	copy
candidate:
	cmp	w12, #'/'
	b.ne	advance
	cmp	x13, x14
	b.eq	advance
	strb	w12, [x13], #1
	mov	x10, x24
append:
	ldrb	w9, [x10], #1
	strb	w9, [x13], #1
	cbnz	w9, append
	add	x0, sp, #32
	bl	execute
	cmn	x0, #2                  // ENOENT
	b.eq	advance
	cmn	x0, #20                 // ENOTDIR
	b.eq	advance
	cmn	x0, #36                 // ENAMETOOLONG
	b.eq	advance
	cmn	x0, #13                 // EACCES
	b.ne	report
	mov	x27, x0
advance:
	ldrb	w9, [x26], #1
	cbnz	w9, directory
failed:
	mov	x0, x27
report:
	mov	x27, x0
	mov	w9, #-1
	stp	x9, x0, [sp, #8]
	mov	x0, #100
	add	x1, sp, #8
	mov	x2, #16
	mov	x8, #64                 // write
	svc	#0
	mov	x0, #126
	cmn	x27, #2
	b.ne	exit
	mov	x0, #127
	b	exit
execute:
	mov	x1, x21
	mov	x2, x22
	mov	x8, #221                // execve
	svc	#0
	ret
path:
	.ascii	"PATH"
name:
	.asciz	"init"
