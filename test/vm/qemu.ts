import path from 'node:path';

/** The virtual machine, as QEMU sees it. */
export interface Machine {
  /** Folder of vmlinux. */
  kernelFolder: string;
  initramfs: string;
  /** Host folder that the guest sees, writable, at /run/jatai-out. */
  outDir: string;
  /** Unix sockets that the runner listens on; the guest has a virtio port with the name of each. */
  ports: readonly string[];
  cpus: number;
  memoryMegabytes: number;
  /** Count instructions instead of time: slower, one CPU, repeatable. */
  icount: boolean;
  /** More words for the kernel's command line. */
  append: string;
}

export const qemuProgram = 'qemu-system-x86_64';

const kernelCommandLine = [
  'console=ttyS0',
  'quiet',
  // Any oops ends the guest, and a guest that would reboot ends QEMU: nothing goes on on a damaged kernel.
  'oops=panic',
  'panic=-1',
  'lsm=landlock,lockdown,capability,bpf',
  // Emulated side channels need no protection, and it costs a third of the speed.
  'mitigations=off',
  'random.trust_cpu=on',
  // The emulator's timing makes the watchdogs cry for nothing.
  'nowatchdog',
  'tsc=reliable',
];

/** Arguments for qemu-system-x86_64. The guest's console is QEMU's standard input and output. */
export function qemuArguments(machine: Machine): string[] {
  const words = [...kernelCommandLine, ...(machine.icount ? ['nokaslr', 'norandmaps'] : []), machine.append];
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-monitor', 'none'],
    ...['-machine', 'q35,usb=off,smbus=off,vmport=off', '-cpu', 'max,la57=off'],
    ...['-m', String(machine.memoryMegabytes)],
    ...accelerator(machine),
    ...['-kernel', path.join(machine.kernelFolder, 'vmlinux'), '-initrd', machine.initramfs],
    ...['-append', words.filter(Boolean).join(' ')],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...share('jatai-root', '/', true),
    ...share('jatai-out', machine.outDir, false),
    ...['-device', 'virtio-serial-pci'],
    ...machine.ports.flatMap(port),
  ];
}

/**
 * Several guest CPUs take turns on one host thread: under multi-threaded TCG the kernel's patching of its own text
 * can panic the guest with "Oops: int3".
 */
function accelerator({ cpus, icount }: Machine): string[] {
  const single = ['-accel', 'tcg,thread=single'];
  return icount ? [...single, '-smp', '1', '-icount', 'shift=0,sleep=off'] : [...single, '-smp', String(cpus)];
}

function share(tag: string, folder: string, readonly: boolean): string[] {
  const access = readonly ? 'readonly=on' : 'readonly=off';
  return [
    ...['-fsdev', `local,id=${tag},path=${escapeComma(folder)},security_model=none,multidevs=remap,${access}`],
    ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
}

function port(socketPath: string): string[] {
  const id = path.basename(socketPath);
  return [
    ...['-chardev', `socket,id=${id},path=${escapeComma(socketPath)},server=off`],
    ...['-device', `virtserialport,chardev=${id},name=${id}`],
  ];
}

/** QEMU's option syntax separates by commas and reads two of them as one. */
function escapeComma(text: string): string {
  return text.replaceAll(',', ',,');
}
