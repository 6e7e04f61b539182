# Before Bun starts, x86-64: parts `run ... -d` and `start CONTAINER` into a process that waits and one that does the rest.
# Assembled bytes: early_monitor.ts (tests compare).
#
#   void begin(long *start, int (*setenv)(...), int (*fork)(void))     System V; start: argc, argv, 0, environment, 0
#
# A container in the background needs a process that outlives the command. To start this executable once more for that
# takes longer than all the rest of the command: so the child that is made here becomes the command line, and then the
# container's monitor (src/engine/monitor/run_here.ts). The process that the user has started never starts Bun: it waits
# for a byte on a pipe, which is its exit status, or for the child's end. 0xfe: this was not such a command after all, and
# it is to be done as any other. The variable TSBOX_BEGUN says that the other end of the pipe is descriptor 3. Whatever
# does not work is left to the usual way.
.intel_syntax noprefix
.globl _start
_start:
	push	rbp
	mov	rbp, rsp
	push	rbx
	push	r12
	push	r13
	push	r14
	sub	rsp, 64                 # 0: pipe, read and write; 8: what comes out of it, or a wait status; 16: see below
	mov	rbx, rdi
	mov	r12, rsi
	mov	r13, rdx
	mov	rcx, [rbx]
	cmp	rcx, 3
	jl	out
	mov	rax, [rbx+8]
	mov	rax, [rax]
	cmp	rax, [rip+again]        # it was parted once, and that was wrong
	je	out
	mov	rax, [rbx+16]           # what lies behind the last word are variables, and the program's name
	cmp	dword ptr [rax], 0x006e7572     # "run"
	je	options
	cmp	dword ptr [rax], 0x72617473     # "star"
	jne	out
	cmp	word ptr [rax+4], 0x0074        # "t"
	jne	out
	cmp	rcx, 3                  # none but a single container, and without flags
	jne	out
	mov	rax, [rbx+24]
	cmp	byte ptr [rax], 0x2d    # '-'
	je	out
	jmp	found

options:
	mov	edx, 2
	xor	r8d, r8d                # words without a dash, one behind the other
look:
	mov	rsi, [rbx+rdx*8+8]
	cmp	byte ptr [rsi], 0x2d    # '-'
	jne	plain
	xor	r8d, r8d
	mov	rax, [rsi]
	cmp	rax, [rip+detach]
	jne	letters
	cmp	byte ptr [rsi+8], 0
	je	found
letters:                                # "-d", "-itd"
	xor	r9d, r9d
letter:
	inc	rsi
	mov	al, [rsi]
	test	al, al
	jz	last
	cmp	al, 0x69                # 'i'
	je	letter
	cmp	al, 0x74                # 't'
	je	letter
	cmp	al, 0x64                # 'd'
	jne	next
	mov	r9d, 1
	jmp	letter
last:
	test	r9d, r9d
	jnz	found
	jmp	next
plain:
	inc	r8d
	cmp	r8d, 2                  # the second is not a flag's value: the container's command has begun
	je	out
next:
	inc	rdx
	cmp	rdx, rcx
	jl	look
	jmp	out

# A file that is named by a descriptor of the caller's ("--env-file <(...)", "SSL_CERT_FILE=<(...)") would be closed in the
# child: neither the words nor the variables behind them may have one.
found:
	mov	edx, 2
argument:
	mov	rsi, [rbx+rdx*8+8]
	test	rsi, rsi
	jz	behindwords
character:
	cmp	dword ptr [rsi], 0x2f64662f     # "/fd/"
	je	out
	inc	rsi
	cmp	byte ptr [rsi-1], 0
	jne	character
	inc	rdx
	jmp	argument
behindwords:
	inc	rdx
	lea	rax, [rcx+1]
	cmp	rdx, rax                # only the words are over yet
	je	argument

	mov	edi, 17                 # SIGCHLD: where it is ignored nobody can wait for a child
	lea	rsi, [rip+default]
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 13                 # rt_sigaction
	syscall
	mov	rdi, rsp
	mov	esi, 0x80000            # O_CLOEXEC
	mov	eax, 293                # pipe2
	syscall
	test	eax, eax
	jnz	out
	cmp	dword ptr [rsp], 3      # a standard descriptor was closed: it must not become the pipe
	jl	undo
	mov	eax, 39                 # getpid
	syscall
	mov	r14d, eax

# The child goes on in our memory: to copy it, and to hear of each page that is written, takes as long as to read the
# command line. We only wait, on a stack of our own, and leave what the C library has told the kernel of this thread to
# the child, which is that thread from now on. Not the area for restartable sequences (rseq(2)), whose address the C
# library does not tell: of it only sched_getcpu(3) knows, a hint that is wrong then.
	mov	edi, 40                 # PR_GET_TID_ADDRESS: not in every kernel
	lea	rsi, [rsp+16]
	mov	eax, 157                # prctl
	syscall
	test	eax, eax
	jnz	copy
	xor	edi, edi
	lea	rsi, [rsp+24]
	lea	rdx, [rsp+32]
	mov	eax, 274                # get_robust_list
	syscall
	test	eax, eax
	jnz	copy
	xor	edi, edi
	mov	esi, 4096
	mov	edx, 3                  # PROT_READ | PROT_WRITE
	mov	r10d, 0x22              # MAP_PRIVATE | MAP_ANONYMOUS
	mov	r8, -1
	xor	r9d, r9d
	mov	eax, 9                  # mmap
	syscall
	cmp	rax, -4096
	ja	copy
	lea	r9, [rax+4096-64]
	mov	rbp, [rsp]
	mov	edi, 0x1200111          # CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD
	xor	esi, esi                # on this stack
	xor	edx, edx
	mov	r10, [rsp+16]
	xor	r8d, r8d
	mov	eax, 56                 # clone
	syscall
	test	rax, rax
	jz	thread
	jns	waiter

copy:
	lea	rbp, [rsp+96]
	call	r13                     # that of the C library, which keeps what it knows of the process
	xor	r13d, r13d
	test	eax, eax
	jz	child
	js	undo
	jmp	parent

waiter:                                 # whose stack may have other things on it already
	mov	rsp, r9
	mov	[rsp], rbp
	mov	r13, rsp
	mov	r14d, eax
	xor	edi, edi
	mov	eax, 218                # set_tid_address
	syscall
	xor	edi, edi
	mov	esi, 24
	mov	eax, 273                # set_robust_list
	syscall
	mov	eax, r14d
parent:
	mov	r14d, eax
	mov	edi, [rsp+4]
	mov	eax, 3                  # close
	syscall
listen:
	mov	edi, [rsp]
	lea	rsi, [rsp+8]
	mov	edx, 1
	xor	eax, eax                # read
	syscall
	cmp	eax, -4                 # EINTR
	je	listen
	cmp	eax, 1
	jne	ended
	movzx	edi, byte ptr [rsp+8]
	cmp	edi, 0xfe
	jne	exit
	call	reap
	test	r13, r13
	jnz	anew
	mov	edi, [rsp]
	mov	eax, 3
	syscall
	jmp	out
anew:                                   # our memory is not what it was
	lea	rax, [rip+again]
	mov	[rbx+8], rax
	lea	rdi, [rip+self]
	lea	rsi, [rbx+8]
	mov	rax, [rbx]
	lea	rdx, [rbx+rax*8+16]
	mov	eax, 59                 # execve
	syscall
	mov	edi, 2
	lea	rsi, [rip+lost]
	mov	edx, offset behindlost - lost
	mov	eax, 1                  # write
	syscall
	mov	edi, 125
	jmp	exit

ended:                                  # without a word: as the child ended
	call	reap
	mov	edi, [rsp+8]
	and	edi, 0x7f
	jnz	killed
	movzx	edi, byte ptr [rsp+9]
exit:
	mov	eax, 231                # exit_group
	syscall
killed:
	mov	r14d, edi
	mov	eax, 39
	syscall
	mov	edi, eax
	mov	esi, r14d
	mov	eax, 62                 # kill
	syscall
	lea	edi, [r14+128]          # it is ignored here
	jmp	exit

reap:
	mov	edi, r14d
	lea	rsi, [rsp+16]           # [rsp+8] of the caller
	xor	edx, edx
	xor	r10d, r10d
	mov	eax, 61                 # wait4
	syscall
	cmp	eax, -4
	je	reap
	ret

undo:
	mov	edi, [rsp]
	mov	eax, 3
	syscall
	mov	edi, [rsp+4]
	mov	eax, 3
	syscall
out:
	lea	rsp, [rbp-32]
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

# As if both were one: until it says otherwise it ends with its parent. Of the caller's descriptors it has the standard
# ones. Its engine is set for a process that is going to sleep.
thread:
	lea	rbp, [rsp+96]
	mov	rdi, [rsp+24]
	mov	rsi, [rsp+32]
	mov	eax, 273                # set_robust_list
	syscall
child:
	mov	edi, 1                  # PR_SET_PDEATHSIG
	mov	esi, 9
	mov	eax, 157                # prctl
	syscall
	mov	eax, 110                # getppid
	syscall
	test	eax, eax                # in a pid namespace of its own
	jz	lives
	mov	edi, 137
	cmp	eax, r14d
	jne	exit
lives:
	mov	edi, [rsp+4]
	mov	esi, 3
	mov	edx, 0x80000
	mov	eax, 292                # dup3
	syscall
	mov	edi, 4
	mov	esi, -1
	xor	edx, edx
	mov	eax, 436                # close_range
	syscall
	lea	rbx, [rip+variables]
set:
	mov	rdi, rbx
	call	behind
	mov	rsi, rbx
	call	behind
	mov	edx, 1
	call	r12
	cmp	byte ptr [rbx], 0
	jne	set
	jmp	out

behind:                                 # moves rbx behind the text there
	inc	rbx
	cmp	byte ptr [rbx-1], 0
	jne	behind
	ret

detach:	.ascii	"--detach"
again:	.asciz	"(tsbox)"
self:	.asciz	"/proc/self/exe"
lost:	.ascii	"tsbox: Cannot execute /proc/self/exe: mount proc on /proc\n"
behindlost:
default:                                # struct sigaction: SIG_DFL
	.quad	0, 0, 0, 0
variables:
	.asciz	"TSBOX_BEGUN"
	.asciz	"3"
	.asciz	"BUN_GC_TIMER_DISABLE"
	.asciz	"1"
	.asciz	"BUN_JSC_useConcurrentGC"
	.asciz	"0"
	.asciz	"BUN_JSC_numberOfGCMarkers"
	.asciz	"1"
	.asciz	"BUN_JSC_forceMiniVMMode"
	.asciz	"1"
	.asciz	"BUN_JSC_useRegExpJIT"
	.asciz	"0"
	.byte	0
