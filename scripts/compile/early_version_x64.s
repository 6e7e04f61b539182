# Before Bun starts, x86-64: `--version` and `-v` get no compiler of machine code.
# Assembled bytes: early_version.ts (tests compare).
#
#   void begin(long *start, int (*setenv)(...), int (*fork)(void))     System V; start: argc, argv, 0, environment, 0
#
# The engine makes its compilers ready when it starts, with a gigabyte of addresses for what they write. Calls of C
# functions (bun:ffi) need them, so every command does, but for this one, which writes a line.
.intel_syntax noprefix
.globl _start
_start:
	cmp	qword ptr [rdi], 2
	jne	out
	mov	rax, [rdi+16]
	cmp	word ptr [rax], 0x762d          # "-v"
	jne	long
	cmp	byte ptr [rax+2], 0
	je	found
long:                                           # a byte that differs ends it: nothing is read behind the word
	lea	rcx, [rip+version]
same:
	mov	dl, [rcx]
	cmp	dl, [rax]
	jne	out
	inc	rcx
	inc	rax
	test	dl, dl
	jnz	same
found:
	mov	r8, rsi
	lea	rdi, [rip+name]
	lea	rsi, [rip+value]
	xor	edx, edx                        # what the caller has set stays
	sub	rsp, 8                          # a call wants the stack aligned to 16
	call	r8
	add	rsp, 8
out:
	ret

version:
	.asciz	"--version"
name:
	.asciz	"BUN_JSC_useJIT"
value:
	.asciz	"0"
