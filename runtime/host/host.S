/* host.S - entry of guest system calls into the host kernel, and guest memory copies that may
 * fault (x86-64 host).
 *
 * The addresses of the labels are known to host.c: a signal that finds a thread in
 * [host_syscall_check, host_syscall_done) moves it to host_syscall_restart; a fault at one of the
 * host_*_access instructions continues at host_access_failed.
 */
    .text

/* long host_syscall(Cpu *cpu, long nr, const uint64_t args[6]) */
    .globl host_syscall
    .type host_syscall, @function
host_syscall:
    leaq 120(%rdi), %r11            /* &cpu->interrupt; host.c asserts the offset */
    movq %rsi, %rax
    movq %rdx, %rcx
    movq (%rcx), %rdi
    movq 8(%rcx), %rsi
    movq 16(%rcx), %rdx
    movq 24(%rcx), %r10
    movq 32(%rcx), %r8
    movq 40(%rcx), %r9
    .globl host_syscall_check
host_syscall_check:
    cmpl $0, (%r11)
    jne host_syscall_restart
    syscall
    .globl host_syscall_done
host_syscall_done:
    ret
    .globl host_syscall_restart
host_syscall_restart:
    movq $-512, %rax                /* -HOST_ERESTART */
    ret
    .size host_syscall, . - host_syscall

/* int host_copy(void *dst, const void *src, size_t n): 0 or -EFAULT */
    .globl host_copy
    .type host_copy, @function
host_copy:
    movq %rdx, %rcx
    .globl host_copy_access
host_copy_access:
    rep movsb
    xorl %eax, %eax
    ret
    .size host_copy, . - host_copy

/* int host_fill0(void *dst, size_t n): 0 or -EFAULT */
    .globl host_fill0
    .type host_fill0, @function
host_fill0:
    movq %rsi, %rcx
    xorl %eax, %eax
    .globl host_fill0_access
host_fill0_access:
    rep stosb
    ret
    .size host_fill0, . - host_fill0

/* int host_peek(const void *src): 0 or -EFAULT */
    .globl host_peek
    .type host_peek, @function
host_peek:
    xorl %eax, %eax
    .globl host_peek_access
host_peek_access:
    testb %al, (%rdi)
    ret
    .size host_peek, . - host_peek

/* long host_copy_str(char *dst, const char *src, size_t size): bytes copied before the NUL, `size`
 * if there is none, or -EFAULT */
    .globl host_copy_str
    .type host_copy_str, @function
host_copy_str:
    xorl %eax, %eax
1:  cmpq %rdx, %rax
    jae 2f
    .globl host_copy_str_access
host_copy_str_access:
    movzbl (%rsi,%rax), %ecx
    movb %cl, (%rdi,%rax)
    testl %ecx, %ecx
    je 2f
    incq %rax
    jmp 1b
2:  ret
    .size host_copy_str, . - host_copy_str

/* long host_strnlen(const char *src, size_t max): or -EFAULT */
    .globl host_strnlen
    .type host_strnlen, @function
host_strnlen:
    xorl %eax, %eax
1:  cmpq %rsi, %rax
    jae 2f
    .globl host_strnlen_access
host_strnlen_access:
    cmpb $0, (%rdi,%rax)
    je 2f
    incq %rax
    jmp 1b
2:  ret
    .size host_strnlen, . - host_strnlen

    .globl host_access_failed
host_access_failed:
    movq $-14, %rax                 /* -EFAULT */
    ret

/* _Noreturn void host_exit_thread(uint32_t *stack_in_use): lets go of this thread's stack and ends
 * it, without touching it again. */
    .globl host_exit_thread
    .type host_exit_thread, @function
host_exit_thread:
    movl $0, (%rdi)
    movl $60, %eax                  /* exit */
    xorl %edi, %edi
    syscall
    hlt
    .size host_exit_thread, . - host_exit_thread

/* long host_clone3(struct clone_args *args, size_t size, void (*fn)(void *), void *arg): clone3
 * with a stack in args. In the child
 * fn(arg) runs there and must not return. The parent gets the child's id or -errno. */
    .globl host_clone3
    .type host_clone3, @function
host_clone3:
    movq %rcx, %r8
    movl $435, %eax                 /* clone3: keeps rdx and r8; the child gets rsp from args */
    syscall
    testq %rax, %rax
    jz 1f
    ret
1:  xorl %ebp, %ebp
    movq %r8, %rdi
    call *%rdx
    hlt
    .size host_clone3, . - host_clone3

    .section .note.GNU-stack, "", @progbits
