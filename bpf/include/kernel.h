/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel members in use, found at load time by name (CO-RE). Nothing here states an offset or a size of the
 * kernel's own; a member that moved between versions is read through the accessors at the end.
 */
#ifndef JATAI_KERNEL_H
#define JATAI_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "wire.h"

#define __noinline __attribute__((noinline))
#define PROT_EXEC 0x4
#define SIGNAL_GROUP_EXIT 0x00000004
#define S_ISUID 04000
#define S_ISGID 02000
#define S_IXGRP 00010
/* Controllers whose hierarchy of cgroup v1 is looked at: cpuset, cpu, cpuacct, io. */
#define LEGACY_CONTROLLERS 4
#define AF_INET 2
#define AF_INET6 10

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

/* Two words until 6.3, one since: the same eight bytes. */
typedef struct kernel_cap_struct {
	__u32 cap[2];
} kernel_cap_t;

struct qstr {
	union {
		struct {
			__u32 hash;
			__u32 len;
		};
		__u64 hash_len;
	};
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned long i_ino;
	const unsigned int i_nlink;
};

struct super_block {
	struct dentry *s_root;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	int mnt_flags;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
};

struct filename {
	const char *name;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
	unsigned int secureexec : 1;
};

struct ns_common {
	unsigned int inum;
};

struct user_namespace {
	struct user_namespace *parent;
	int level;
	kuid_t owner;
	kgid_t group;
	struct ns_common ns;
};

struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct pid_namespace {
	unsigned int level;
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct time_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	unsigned securebits;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_end;
};

struct vm_area_struct {
	struct file *vm_file;
};

struct perf_event_attr {
	__u64 config1;
};

struct perf_event {
	struct perf_event_attr attr;
};

/* The build id is there since 5.12. */
struct perf_mmap_event {
	struct vm_area_struct *vma;
	const char *file_name;
	__u32 prot;
	__u8 build_id[BUILD_ID_SIZE];
	__u32 build_id_size;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct kernfs_node {
	const char *name;
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[LEGACY_CONTROLLERS];
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	int exit_code;
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *cred;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct pid *thread_pid;
	struct css_set *cgroups;
	kuid_t loginuid;
	unsigned int in_execve : 1;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u32 sk_mark;
	__u32 sk_priority;
	__u16 sk_type;
	__u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

#pragma clang attribute pop

/* Layouts of the user interface, which do not move. */
struct sockaddr_in_bytes {
	__u16 family;
	__u16 port;
	__u8 address[4];
};

struct sockaddr_in6_bytes {
	__u16 family;
	__u16 port;
	__u32 flowinfo;
	__u8 address[16];
};

/* A mount holds the vfsmount that paths point to; a program gets from one to the other by the kernel's own offset. */
static inline struct mount *mount_of(struct vfsmount *vfsmount)
{
	return (struct mount *)((char *)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

static inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (struct vfsmount *)((char *)mount + bpf_core_field_offset(struct mount, mnt));
}

/*
 * A field through pointers, each argument one step. Where the verifier knows what a pointer points to, the field is
 * loaded; elsewhere it is copied by a helper, which costs some seventy instructions more. CAST tells it.
 */
#ifdef TYPED_POINTERS
#define TYPED true
#define READ(...) ___apply(___arrow, ___narg(__VA_ARGS__))(__VA_ARGS__)
#define CAST(type, pointer) ((type *)bpf_rdonly_cast((void *)(pointer), bpf_core_type_id_kernel(type)))
#else
#define TYPED false
#define READ(...) BPF_CORE_READ(__VA_ARGS__)
#define CAST(type, pointer) ((type *)(pointer))
#endif

extern void *bpf_rdonly_cast(const void *object, __u32 type_id) __ksym __weak;

/*
 * A number of which the compiler knows nothing more: it would compare one register and use another, or join loads
 * through pointers of different kinds, and the verifier would not follow.
 */
#define OPAQUE(value)                            \
	({                                       \
		__u64 opaque = (value);          \
		asm volatile("" : "+r"(opaque)); \
		opaque;                          \
	})

static inline struct task_struct *current_task(void)
{
#ifdef TYPED_POINTERS
	return bpf_get_current_task_btf();
#else
	return (struct task_struct *)bpf_get_current_task();
#endif
}

/* One word since 6.3. */
struct kernel_cap_struct___word {
	__u64 val;
} __attribute__((preserve_access_index));

static inline __u64 read_capability_set(const kernel_cap_t *set)
{
	const struct kernel_cap_struct___word *word = (const void *)set;
	__u64 bits = 0;

	if (TYPED && bpf_core_field_exists(word->val))
		return word->val;
	bpf_probe_read_kernel(&bits, sizeof(bits), set);
	return bits;
}

#endif
