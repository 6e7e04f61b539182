# Starts a monitor before anything of us has started, x86-64. Assembled bytes: early_monitor.ts (tests compare).
#
#   void begin(long *start, int (*setenv)(...))     System V; start: argc, argv, 0, environment, 0
#
# `run ... -d` needs two processes of this executable, and each takes as long to start as everything they do
# then: so the second is made here, and both start side by side. It is told what to do, or that there is
# nothing to do, by the pipes that src/engine/monitor/start_monitor.ts makes otherwise. The variable TSBOX_BEGUN
# says which they are: a character for the end of the request's pipe, one for that of the status, each '!' and
# the number. Whatever does not work is left to the usual way.
.intel_syntax noprefix
.globl _start
_start:
	push	rbp
	mov	rbp, rsp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, 40                 # 0: request, read and write; 8: status, read and write; 16: the variable
	mov	rbx, rdi
	mov	r12, rsi
	mov	rcx, [rbx]
	cmp	rcx, 3
	jl	out
	mov	rax, [rbx+16]
	cmp	dword ptr [rax], 0x006e7572     # "run"
	jne	out
	mov	edx, 2
look:
	mov	rax, [rbx+rdx*8+8]      # what lies behind the last word are variables, and the program's name
	mov	esi, [rax]
	and	esi, 0x00ffffff
	cmp	esi, 0x0000642d         # "-d"
	je	found
	mov	rsi, [rax]
	cmp	rsi, [rip+detach]
	je	found
	inc	rdx
	cmp	rdx, rcx
	jl	look
	jmp	out
found:
	mov	rdi, rsp
	mov	esi, 0x80000            # O_CLOEXEC
	mov	eax, 293                # pipe2
	syscall
	test	eax, eax
	jnz	out
	lea	rdi, [rsp+8]
	mov	eax, 293
	syscall
	test	eax, eax
	jnz	out
	cmp	dword ptr [rsp+12], 90  # the last of them; what cannot be said by a character is not begun
	jg	out
	mov	eax, 57                 # fork
	syscall
	test	eax, eax
	jz	child
	js	out
	mov	edi, [rsp]
	mov	eax, 3                  # close
	syscall
	mov	edi, [rsp+12]
	mov	eax, 3
	syscall
	mov	al, [rsp+4]
	add	al, 33
	mov	[rsp+16], al
	mov	al, [rsp+8]
	add	al, 33
	mov	[rsp+17], al
	mov	byte ptr [rsp+18], 0
	lea	rdi, [rip+variable]
	lea	rsi, [rsp+16]
	mov	edx, 1
	call	r12
out:
	lea	rsp, [rbp-40]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

# In a session of its own, nowhere, with nothing on its standard descriptors.
child:
	mov	eax, 112                # setsid
	syscall
	lea	rdi, [rip+root]
	mov	eax, 80                 # chdir
	syscall
	mov	edi, [rsp+12]           # out of the way: any of them may be where another belongs
	call	park
	mov	r14d, eax
	mov	edi, [rsp]
	call	park
	mov	r15d, eax
	lea	rdi, [rip+null]
	mov	esi, 2                  # O_RDWR
	mov	eax, 2                  # open
	syscall
	mov	edi, eax
	call	park
	mov	r13d, eax
	xor	r12d, r12d
standard:
	mov	edi, r13d
	mov	esi, r12d
	mov	eax, 33                 # dup2
	syscall
	test	eax, eax
	js	fail
	inc	r12d
	cmp	r12d, 3
	jl	standard
	mov	edi, r14d               # 3 status, 4 request
	mov	esi, 3
	mov	eax, 33
	syscall
	mov	edi, r15d
	mov	esi, 4
	mov	eax, 33
	syscall
	mov	edi, 5
	mov	esi, -1
	xor	edx, edx
	mov	eax, 436                # close_range
	syscall
	mov	qword ptr [rsp], 0
	mov	rsi, rsp
	mov	edi, 2                  # SIG_SETMASK
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 14                 # rt_sigprocmask
	syscall
# Its environment: the first of two variables of a name counts.
	mov	rcx, [rbx]
	lea	rsi, [rbx+rcx*8+16]
	xor	ecx, ecx
count:
	inc	rcx
	cmp	qword ptr [rsi+rcx*8-8], 0
	jne	count
	lea	rax, [rcx*8+32]
	sub	rsp, rax
	and	rsp, -16
	lea	rax, [rip+quiet0]
	mov	[rsp], rax
	lea	rax, [rip+quiet1]
	mov	[rsp+8], rax
	lea	rax, [rip+quiet2]
	mov	[rsp+16], rax
	lea	rax, [rip+quiet3]
	mov	[rsp+24], rax
	lea	rdi, [rsp+32]
	cld
	rep movsq
	mov	rdx, rsp
	push	0
	push	0
	lea	rax, [rip+role]
	push	rax
	lea	rax, [rip+name]
	push	rax
	mov	r13, rsp
	mov	r14, rdx
	sub	rsp, 4096
	lea	rdi, [rip+self]         # by its own name, which is the one that ps shows
	mov	rsi, rsp
	mov	edx, 4095
	mov	eax, 89                 # readlink
	syscall
	test	eax, eax
	js	fail
	mov	byte ptr [rsp+rax], 0
	mov	rdi, rsp
	call	execute
	lea	rdi, [rip+self]         # it was replaced meanwhile
	call	execute
fail:
	mov	edi, 127
	mov	eax, 231                # exit_group
	syscall

execute:
	mov	rsi, r13
	mov	rdx, r14
	mov	eax, 59                 # execve
	syscall
	ret

park:
	xor	esi, esi                # F_DUPFD
	mov	edx, 10
	mov	eax, 72                 # fcntl
	syscall
	ret

detach:	.ascii	"--detach"
variable:
	.asciz	"TSBOX_BEGUN"
root:	.asciz	"/"
null:	.asciz	"/dev/null"
self:	.asciz	"/proc/self/exe"
name:	.asciz	"tsbox"
role:	.asciz	"@monitor"
quiet0:	.asciz	"BUN_GC_TIMER_DISABLE=1"
quiet1:	.asciz	"BUN_JSC_useConcurrentGC=0"
quiet2:	.asciz	"BUN_JSC_numberOfGCMarkers=1"
quiet3:	.asciz	"BUN_JSC_forceMiniVMMode=1"
