# Has the container's monitor execute a command, and ends with its status, x86-64. Assembled bytes: early_exec.ts.
#
#   void begin(long *start, int (*setenv)(...))     System V; start: argc, argv, 0, environment, 0
#
# `exec CONTAINER COMMAND...` in a script, as src/cli/quick_exec.ts and src/engine/exec_by_monitor.ts do it: two thirds
# of the time that takes is Bun's start. Whatever is not as usual is left to them: everything that was opened is closed,
# and Bun starts as ever. The monitor says nothing but the status: what it declines or cannot execute was not executed,
# and is done again by those who can say why.
.intel_syntax noprefix
.globl _start

.set HOME, 0                    # what the variables say, 0: they are not set
.set DATA, 8
.set CONFIG, 16
.set ROOT, 24                   # end of the store's path
.set ID, 32                     # 64 characters and a zero
.set BUFFER, 104                # what the kernel tells, addresses and frames
.set PATH, 360
.set PATH_SIZE, 4096
.set FRAME, PATH + PATH_SIZE + 8
.set SAVED, 40

.set QUICK_EXEC, 11             # kinds of frames, src/engine/monitor/frames.ts
.set QUICK_ANSWER, 12
.set HEADER, 5
.set MOST, 65536                # bytes of words

_start:
	cmp	qword ptr [rdi], 4
	jl	other
	mov	rax, [rdi+16]
	cmp	dword ptr [rax], 0x63657865     # "exec"
	jne	other
	cmp	byte ptr [rax+4], 0
	je	exec
other:
	ret

exec:
	push	rbp
	mov	rbp, rsp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, FRAME
	cld
	mov	rbx, rdi
	mov	r13d, -1                # what is to be closed: /dev/null, the container's folder, the socket
	mov	r14d, -1
	mov	r15d, -1
	lea	r9, [rsp+PATH+PATH_SIZE]
	xor	eax, eax
	mov	[rsp+HOME], rax
	mov	[rsp+DATA], rax
	mov	[rsp+CONFIG], rax

# The container's name could be a part of a path: no flag, no path, nothing hidden.
	mov	rsi, [rbx+24]
	mov	al, [rsi]
	test	al, al
	jz	leave
	cmp	al, '-'
	je	leave
	cmp	al, '.'
	je	leave
letter:
	lodsb
	cmp	al, '/'
	je	leave
	test	al, al
	jnz	letter

# Variables of ours are settings. Of two with the same name it is not for us to say which one counts.
	mov	rcx, [rbx]
	lea	r12, [rbx+rcx*8+16]
variable:
	mov	r8, [r12]
	test	r8, r8
	jz	known
	add	r12, 8
	mov	rsi, r8
	lea	rdi, [rip+prefix]
	mov	ecx, 6
	repe cmpsb
	je	leave
	lea	rdx, [rsp+HOME]
	lea	rdi, [rip+home]
	mov	ecx, 5
	call	value
	lea	rdx, [rsp+DATA]
	lea	rdi, [rip+data]
	mov	ecx, 14
	call	value
	lea	rdx, [rsp+CONFIG]
	lea	rdi, [rip+config]
	mov	ecx, 16
	call	value
	jmp	variable
known:
	mov	r8, [rsp+HOME]
	test	r8, r8
	jz	leave
	cmp	byte ptr [r8], '/'
	jne	leave

# A settings file: also one that cannot be seen is there.
	mov	rax, [rsp+CONFIG]
	lea	rdx, [rip+settings]
	lea	rcx, [rip+home_settings]
	lea	rdi, [rsp+PATH]
	call	locate
	lea	rdi, [rsp+PATH]
	xor	esi, esi
	mov	eax, 21                 # access
	syscall
	cmp	eax, -2                 # ENOENT
	jne	leave

# Streams that can be handed over as they are: src/engine/run/stdio.ts. Input is not, without -i.
	mov	edi, 1
	lea	r12, [rsp+BUFFER]
	call	stream
	mov	edi, 2
	call	stream

# The container's id: the word itself, or where the link of that name leads.
	mov	r8, [rsp+HOME]
	mov	rax, [rsp+DATA]
	lea	rdx, [rip+store]
	lea	rcx, [rip+home_store]
	lea	rdi, [rsp+PATH]
	call	locate
	mov	[rsp+ROOT], rdi
	mov	rsi, [rbx+24]
	call	is_id
	mov	r12, [rbx+24]
	je	identified
	lea	rsi, [rip+names]
	call	append
	mov	rsi, r12
	call	append
	lea	rdi, [rsp+PATH]
	lea	rsi, [rsp+ID]
	mov	edx, 65
	mov	eax, 89                 # readlink
	syscall
	cmp	eax, 64
	jne	leave
	mov	byte ptr [rsp+ID+64], 0
	lea	rsi, [rsp+ID]
	mov	r12, rsi
	call	is_id
	jne	leave
identified:
	mov	rdi, [rsp+ROOT]
	lea	rsi, [rip+containers]
	call	append
	mov	rsi, r12
	call	append
	lea	rdi, [rsp+PATH]
	mov	esi, 0x290000           # O_PATH | O_DIRECTORY | O_CLOEXEC
	mov	eax, 2                  # open
	syscall
	test	eax, eax
	js	leave
	mov	r14d, eax

# The monitor, below the folder's descriptor: the address has no room for long paths.
	mov	edi, 1                  # AF_UNIX
	mov	esi, 0x80001            # SOCK_STREAM | SOCK_CLOEXEC
	xor	edx, edx
	mov	eax, 41                 # socket
	syscall
	test	eax, eax
	js	leave
	mov	r15d, eax
	lea	r12, [rsp+BUFFER]
	mov	word ptr [r12], 1
	lea	rdi, [r12+2]
	lea	rsi, [rip+descriptor]
	call	append
	mov	eax, r14d
	mov	esi, 10
	xor	ecx, ecx
digit:
	xor	edx, edx
	div	esi
	add	edx, '0'
	push	rdx
	inc	ecx
	test	eax, eax
	jnz	digit
written:
	pop	rax
	stosb
	dec	ecx
	jnz	written
	lea	rsi, [rip+link]
	call	append
	lea	rdx, [rdi+1]
	sub	rdx, r12
	mov	rsi, r12
	mov	edi, r15d
	mov	eax, 42                 # connect
	syscall
	test	eax, eax
	jnz	leave
	mov	edx, 17                 # SO_PEERCRED: pid, uid, gid
	mov	ecx, 12
	call	option
	mov	eax, 102                # getuid
	syscall
	cmp	eax, [r12+4]
	jne	leave
	mov	esi, [r12]
	test	esi, esi                # it is in no pid namespace of ours, where our pid is another's
	jz	leave
	mov	edi, 0x59616d61         # PR_SET_PTRACER: it takes our descriptors, which Yama may keep it from
	mov	eax, 157                # prctl
	syscall
	lea	rdi, [rip+nothing]
	mov	esi, 0x80000            # O_RDONLY | O_CLOEXEC
	mov	eax, 2
	syscall
	test	eax, eax
	js	leave
	mov	r13d, eax

# The command's words lie one behind the other, as the kernel has put them.
	mov	r8, [rbx+32]
	mov	rdi, r8
	lea	rcx, [rbx+32]
next:
	cmp	rdi, [rcx]
	jne	leave
	xor	eax, eax
	mov	rsi, rdi
character:
	lodsb
	test	al, al
	jnz	character
	mov	rdi, rsi
	sub	rsi, r8
	cmp	rsi, MOST
	ja	leave
	add	rcx, 8
	cmp	qword ptr [rcx], 0
	jne	next

# One frame: our pid and descriptors, and the words. No more of it is sent when a signal comes between, and nothing done.
	mov	eax, 39                 # getpid
	syscall
	mov	byte ptr [r12], QUICK_EXEC
	lea	ecx, [rsi+16]
	mov	[r12+1], ecx
	mov	[r12+HEADER], eax
	mov	[r12+HEADER+4], r13d
	mov	dword ptr [r12+HEADER+8], 1
	mov	dword ptr [r12+HEADER+12], 2
	mov	[r12+32], r12           # struct iovec: the header, the words
	mov	qword ptr [r12+40], HEADER + 16
	mov	[r12+48], r8
	mov	[r12+56], rsi
	lea	r8, [rsi+HEADER+16]
	lea	rdi, [r12+64]           # struct msghdr: no address, these two, no control data
	mov	ecx, 7
	xor	eax, eax
	rep stosq
	lea	rcx, [r12+32]
	mov	[r12+64+16], rcx
	mov	byte ptr [r12+64+24], 2
	mov	edi, r15d
	lea	rsi, [r12+64]
	mov	edx, 0x4000             # MSG_NOSIGNAL
	mov	eax, 46                 # sendmsg
	syscall
	cmp	rax, r8
	jne	leave

# From here on the command may have been executed: only the monitor knows.
	xor	ebx, ebx
receive:
	mov	edi, r15d
	lea	rsi, [r12+rbx]
	mov	edx, HEADER + 1
	sub	edx, ebx
	xor	eax, eax                # read
	syscall
	cmp	rax, -4                 # EINTR
	je	receive
	cmp	rax, -104               # ECONNRESET: it was gone before it had read all of the request
	je	leave
	test	rax, rax
	jle	unknown
	add	ebx, eax
	cmp	ebx, HEADER
	jb	receive
	cmp	byte ptr [r12], QUICK_ANSWER
	jne	unknown
	mov	eax, [r12+1]
	test	eax, eax
	jz	leave
	cmp	eax, 1
	jne	unknown
	cmp	ebx, HEADER + 1
	jb	receive
	movzx	edi, byte ptr [r12+HEADER]
	jmp	exit

unknown:
	lea	rdi, [r12]              # struct sigaction: nobody may read what we say
	mov	qword ptr [rdi], 1      # SIG_IGN
	mov	qword ptr [rdi+8], 0
	mov	qword ptr [rdi+16], 0
	mov	qword ptr [rdi+24], 0
	mov	rsi, rdi
	mov	edi, 13                 # SIGPIPE
	xor	edx, edx
	mov	r10d, 8
	mov	eax, 13                 # rt_sigaction
	syscall
	mov	edi, 2
	lea	rsi, [rip+died]
	mov	edx, offset died_end - died
	mov	eax, 1                  # write
	syscall
	mov	edi, 1
exit:
	mov	eax, 231                # exit_group
	syscall

# From anywhere, whatever is on the stack.
leave:
	mov	edi, r13d
	mov	eax, 3                  # close
	syscall
	mov	edi, r14d
	mov	eax, 3
	syscall
	mov	edi, r15d
	mov	eax, 3
	syscall
	lea	rsp, [rbp-SAVED]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

# Puts what the variable r8 says at [rdx], when its name and "=" are the ecx bytes at rdi.
value:
	mov	rsi, r8
	repe cmpsb
	jne	1f
	cmp	qword ptr [rdx], 0
	jne	leave
	mov	[rdx], rsi
1:	ret

# Writes a path to rdi: what the variable rax says, and rdx; where that is no absolute path the home directory r8, and rcx.
locate:
	mov	rsi, rax
	test	rax, rax
	jz	1f
	cmp	byte ptr [rax], '/'
	je	2f
1:	mov	rsi, r8
	mov	rdx, rcx
2:	call	append
	mov	rsi, rdx

# Appends the text rsi to the one that ends at rdi, which is then the end of both.
append:
	lodsb
	stosb
	cmp	rdi, r9
	jae	leave
	test	al, al
	jnz	append
	dec	rdi
	ret

# Whether the text rsi is 64 characters of lower-case hexadecimal: "equal" if so.
is_id:
	mov	ecx, 64
1:	lodsb
	sub	al, '0'
	cmp	al, 10
	jb	2f
	sub	al, 'a' - '0'
	cmp	al, 6
	jae	3f
2:	dec	ecx
	jnz	1b
	cmp	byte ptr [rsi], 0
	ret
3:	test	ecx, ecx
	ret

# Leaves unless the descriptor edi is a stream and nothing more. r12: the buffer.
stream:
	mov	rsi, r12
	mov	eax, 5                  # fstat
	syscall
	test	eax, eax
	jnz	leave
	mov	eax, [r12+24]           # st_mode
	and	eax, 0xf000
	cmp	eax, 0x2000             # a device
	jne	1f
	cmp	qword ptr [r12+40], 0x103       # st_rdev of /dev/null
	jne	leave
	ret
1:	mov	eax, 138                # fstatfs
	syscall
	test	eax, eax
	jnz	leave
	mov	eax, [r12]
	cmp	eax, 0x50495045         # a pipe without a name
	je	2f
	cmp	eax, 0x534f434b         # a socket
	jne	leave
	mov	edx, 39                 # SO_DOMAIN
	mov	ecx, 4
	call	option
	cmp	dword ptr [r12], 1      # AF_UNIX
	jne	leave
	mov	edx, 3                  # SO_TYPE
	mov	ecx, 4
	call	option
	cmp	dword ptr [r12], 1      # SOCK_STREAM
	jne	leave
2:	ret

# Puts ecx bytes of the option edx of the socket edi into the buffer r12.
option:
	mov	esi, 1                  # SOL_SOCKET
	mov	r10, r12
	lea	r8, [r12+16]
	mov	[r8], ecx
	mov	eax, 55                 # getsockopt
	syscall
	test	eax, eax
	jnz	leave
	ret

prefix:	.ascii	"TSBOX_"
home:	.ascii	"HOME="
data:	.ascii	"XDG_DATA_HOME="
config:	.ascii	"XDG_CONFIG_HOME="
settings:
	.asciz	"/tsbox/config.json"
home_settings:
	.asciz	"/.config/tsbox/config.json"
store:	.asciz	"/tsbox"
home_store:
	.asciz	"/.local/share/tsbox"
names:	.asciz	"/names/"
containers:
	.asciz	"/containers/"
descriptor:
	.asciz	"/proc/self/fd/"
link:	.asciz	"/execute.sock"
nothing:	.asciz	"/dev/null"
died:	.ascii	"tsbox: Cannot tell how the command ended: the container's monitor died\n"
died_end:
