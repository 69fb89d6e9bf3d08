/*
 * switch.S: void context_switch(void **save_sp, void *load_sp)
 *
 * Saves the callee-saved registers on the running stack, stores its stack pointer in *save_sp, and
 * goes on with the stack load_sp, which was left by the same function or made by context_make()
 * in task.c. context_enter is where a new stack starts: it calls task_main(task).
 */
#if defined(__x86_64__)
	.text
	.globl context_switch
	.type context_switch, @function
context_switch:
	.cfi_startproc
	endbr64
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.cfi_endproc
	.size context_switch, . - context_switch

	.globl context_enter
	.type context_enter, @function
context_enter:
	.cfi_startproc
	.cfi_undefined rip
	movq %r12, %rdi
	xorl %ebp, %ebp
	call task_main@PLT
	ud2
	.cfi_endproc
	.size context_enter, . - context_enter

#elif defined(__aarch64__)
	.text
	.globl context_switch
	.type context_switch, %function
context_switch:
	.cfi_startproc
	sub sp, sp, #160
	stp x19, x20, [sp, #0]
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldp x19, x20, [sp, #0]
	ldp x21, x22, [sp, #16]
	ldp x23, x24, [sp, #32]
	ldp x25, x26, [sp, #48]
	ldp x27, x28, [sp, #64]
	ldp x29, x30, [sp, #80]
	ldp d8, d9, [sp, #96]
	ldp d10, d11, [sp, #112]
	ldp d12, d13, [sp, #128]
	ldp d14, d15, [sp, #144]
	add sp, sp, #160
	ret
	.cfi_endproc
	.size context_switch, . - context_switch

	.globl context_enter
	.type context_enter, %function
context_enter:
	.cfi_startproc
	mov x0, x19
	mov x29, xzr
	bl task_main
	brk #0
	.cfi_endproc
	.size context_enter, . - context_enter
#else
#error "context_switch() is written for x86-64 and aarch64; this machine needs its own 20 lines"
#endif
	.section .note.GNU-stack, "", %progbits
