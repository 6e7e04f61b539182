# The init of a container (`run --init`), x86-64. Assembled bytes: init_code.ts (tests compare).
#
#   init -- COMMAND ARGUMENTS...
#
# Runs the command as its child and in a process group of its own, the foreground one of the terminal on
# descriptor 0. Every signal it gets it sends on to the child, every process that ends it reaps, and it
# ends as the child did: with its code, or 128 + the signal.
#
# A command without a slash is looked for in the absolute directories of PATH. When it cannot be executed,
# the child writes the words 0xffffffff and -errno to descriptor 100 if that is open, and ends with 127
# when there is no such file and 126 otherwise. Nothing above descriptor 2 reaches the command.
#
# It may be executed with signals blocked, so that none is lost: the command starts with none blocked and
# none ignored.
#
# Stack: 0 signal mask | 8 report: two words; wait status; process group | 32 path, 4096 + 1 + 255 + 1 bytes
# r12 argc and what follows | r13 the command's argv | r14 environment | r15 the child
# in the child: r8 command | r9 its length | rbx place in PATH | rbp the error to report | r10 end of a directory
.intel_syntax noprefix
.globl _start
_start:
	mov	r12, rsp
	mov	rbx, [r12]
	mov	edi, 125
	cmp	rbx, 3
	jb	exit
	lea	r13, [r12+24]
	lea	r14, [r12+rbx*8+16]
	sub	rsp, 8192
	mov	qword ptr [rsp], -1
	call	mask
	mov	edi, 15                 # PR_SET_NAME
	lea	rsi, [rip+name]
	mov	eax, 157                # prctl
	syscall
	mov	edi, 36                 # PR_SET_CHILD_SUBREAPER: with --pid=host we are not process 1
	mov	esi, 1
	mov	eax, 157
	syscall
	mov	edx, 4                  # CLOSE_RANGE_CLOEXEC
	call	close
	mov	edi, 17                 # SIGCHLD and nothing shared: fork
	xor	esi, esi
	xor	edx, edx
	xor	r10d, r10d
	xor	r8d, r8d
	mov	eax, 56                 # clone
	syscall
	test	rax, rax
	js	report
	jz	child
	mov	r15, rax
	xor	edx, edx
	call	close
wait:
	mov	rdi, rsp                # all signals
	xor	esi, esi
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 128                # rt_sigtimedwait
	syscall
	test	rax, rax
	jle	wait
	cmp	eax, 17                 # SIGCHLD
	je	reap
	mov	rdi, r15
	mov	esi, eax
	mov	eax, 62                 # kill
	syscall
	jmp	wait
reap:                                   # one SIGCHLD may stand for many
	mov	rdi, -1
	lea	rsi, [rsp+8]
	mov	edx, 1                  # WNOHANG
	xor	r10d, r10d
	mov	eax, 61                 # wait4
	syscall
	test	rax, rax
	jle	wait
	cmp	rax, r15
	jne	reap
	mov	ecx, [rsp+8]
	mov	edi, ecx
	and	ecx, 127
	jz	exited
	lea	edi, [rcx+128]
	jmp	exit
exited:
	shr	edi, 8
	and	edi, 255
exit:
	mov	eax, 231                # exit_group
	syscall

mask:
	mov	edi, 2                  # SIG_SETMASK
	lea	rsi, [rsp+8]            # above the return address
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 14                 # rt_sigprocmask
	syscall
	ret
close:
	mov	edi, 3
	mov	esi, -1
	mov	eax, 436                # close_range
	syscall
	ret

child:
	xor	edi, edi
	xor	esi, esi
	mov	eax, 109                # setpgid
	syscall
	mov	eax, 39                 # getpid
	syscall
	mov	[rsp+8], rax
	xor	edi, edi
	mov	esi, 0x5410             # TIOCSPGRP; blocked, SIGTTOU does not stop us; no terminal is no error
	lea	rdx, [rsp+8]
	mov	eax, 16                 # ioctl
	syscall
	xor	eax, eax
	mov	[rsp], rax
	mov	[rsp+32], rax           # SIG_DFL, no flags, no mask
	mov	[rsp+40], rax
	mov	[rsp+48], rax
	mov	[rsp+56], rax
	mov	ebx, 64
default:                                # ignored signals would stay so
	mov	edi, ebx
	lea	rsi, [rsp+32]
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 13                 # rt_sigaction
	syscall
	dec	ebx
	jnz	default
	call	mask
	mov	r8, [r13]
	xor	r9d, r9d
scan:
	mov	al, [r8+r9]
	test	al, al
	jz	search
	inc	r9
	cmp	al, '/'
	jne	scan
	mov	rdi, r8
	call	execute
	jmp	report
search:
	mov	rbp, -2                 # ENOENT
	test	r9, r9
	jz	failed
	cmp	r9, 255
	ja	failed                  # no file has such a name
	mov	rcx, r14
variable:
	mov	rbx, [rcx]
	add	rcx, 8
	test	rbx, rbx
	jz	failed
	cmp	dword ptr [rbx], 0x48544150     # PATH
	jne	variable
	cmp	byte ptr [rbx+4], '='
	jne	variable
	add	rbx, 5
	lea	r10, [rsp+32+4096]
directory:
	mov	dl, [rbx]
	lea	rdi, [rsp+32]
copy:
	mov	al, [rbx]
	test	al, al
	jz	candidate
	cmp	al, ':'
	je	candidate
	inc	rbx
	cmp	rdi, r10
	je	copy                    # too long: it is passed over below
	mov	[rdi], al
	inc	rdi
	jmp	copy
candidate:
	cmp	dl, '/'
	jne	advance                 # empty and relative ones would depend on the working directory
	cmp	rdi, r10
	je	advance
	mov	byte ptr [rdi], '/'
	inc	rdi
	mov	rsi, r8
	lea	rcx, [r9+1]
	rep movsb
	lea	rdi, [rsp+32]
	call	execute
	cmp	rax, -2                 # ENOENT
	je	advance
	cmp	rax, -20                # ENOTDIR
	je	advance
	cmp	rax, -36                # ENAMETOOLONG
	je	advance
	cmp	rax, -13                # EACCES: remembered, a later directory may have a better one
	jne	report
	mov	rbp, rax
advance:
	cmp	byte ptr [rbx], 0
	je	failed
	inc	rbx
	jmp	directory
failed:
	mov	rax, rbp
report:
	mov	rbx, rax
	mov	ecx, -1                 # zero-extended
	mov	[rsp+8], rcx
	mov	[rsp+16], rax
	mov	edi, 100
	lea	rsi, [rsp+8]
	mov	edx, 16
	mov	eax, 1                  # write
	syscall
	mov	edi, 126
	cmp	rbx, -2
	jne	exit
	inc	edi
	jmp	exit
execute:
	mov	rsi, r13
	mov	rdx, r14
	mov	eax, 59                 # execve
	syscall
	ret
name:
	.asciz	"init"
