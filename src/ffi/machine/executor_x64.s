# The executor of syscall programs, x86-64. Assembled bytes: executor_code.ts (tests compare).
#
#   long execute(struct header *h)            System V: h in rdi
#
# header, 32 bytes:  0 first op | 8 index of the failed op, from 1 | 16 its -errno | 24 handler op, or 0
# op, 80 bytes:      0 number | 8..55 six arguments | 56 flags | 64 destination, or 0 | 72 result
# flags: 1 FORK       0 continues here as the child, > 0 is the parent: it leaves with the result
#        2 IGNORE     a negative result is not a failure
#        4 NONZERO    a result of 0 is a failure
#        8 EXIT       the parent of a FORK exits with 0 instead of leaving
#       16 STOP       leave after this op
#       32 MISSING    -ENOENT is not a failure
#       0x100 << k    argument k is the address of the argument (a result stored by an earlier op)
#       bits 16..23   after a success, skip this many ops
#
# Between FORK and the end the child shares our memory: it must not touch the stack, and does not.
.intel_syntax noprefix
.globl _start
_start:
	push	rbx
	push	r12
	push	r13
	mov	r12, rdi
	mov	rbx, [r12]
	xor	r13d, r13d              # index of the op, from 1
next:
	inc	r13
	mov	rcx, [rbx+56]
	mov	rdi, [rbx+8]
	mov	rsi, [rbx+16]
	mov	rdx, [rbx+24]
	mov	r10, [rbx+32]
	mov	r8, [rbx+40]
	mov	r9, [rbx+48]
	test	ch, 1
	jz	a1
	mov	rdi, [rdi]
a1:	test	ch, 2
	jz	a2
	mov	rsi, [rsi]
a2:	test	ch, 4
	jz	a3
	mov	rdx, [rdx]
a3:	test	ch, 8
	jz	a4
	mov	r10, [r10]
a4:	test	ch, 16
	jz	a5
	mov	r8, [r8]
a5:	test	ch, 32
	jz	a6
	mov	r9, [r9]
a6:	mov	rax, [rbx]
	syscall                         # destroys rcx and r11
	mov	[rbx+72], rax
	mov	rcx, [rbx+56]
	test	rax, rax
	js	negative
	jnz	good
	test	cl, 4                   # NONZERO
	jnz	failed
good:
	test	cl, 1                   # FORK
	jz	store
	test	rax, rax
	jz	advance                 # the child goes on
	mov	rdx, [rbx+64]
	test	rdx, rdx
	jz	forked
	mov	[rdx], rax
forked:
	test	cl, 8                   # EXIT
	jz	leave
	xor	edi, edi
	jmp	die
store:
	mov	rdx, [rbx+64]
	test	rdx, rdx
	jz	skip
	mov	[rdx], rax
skip:
	test	cl, 16                  # STOP
	jnz	leave
	movzx	edx, byte ptr [rbx+58]
	add	r13, rdx
	imul	rdx, rdx, 80
	add	rbx, rdx
advance:
	add	rbx, 80
	jmp	next
negative:
	test	cl, 2                   # IGNORE
	jnz	advance
	test	cl, 32                  # MISSING
	jz	failed
	cmp	rax, -2                 # ENOENT
	je	advance
failed:
	mov	[r12+8], r13
	mov	[r12+16], rax
	test	cl, 8                   # EXIT: we are a child ourselves, which must never return
	jnz	handle
	test	cl, 1                   # another FORK that failed is the caller's to report
	jnz	leave
handle:
	mov	rbx, [r12+24]
	mov	qword ptr [r12+24], 0
	test	rbx, rbx
	jnz	next
	mov	edi, 125
die:
	mov	eax, 231                # exit_group
	syscall
leave:
	pop	r13
	pop	r12
	pop	rbx
	ret
