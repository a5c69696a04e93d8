import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { extractVmlinux } from './extract-vmlinux.ts';
import { withFileLock } from './file-lock.ts';
import { bootModules, copyModules, guestModules } from './kernel-modules.ts';
import { type AptPackage, PrivateApt } from './private-apt.ts';
import { repositoryRoot } from './repository-root.ts';

/** A Debian kernel unpacked for booting. */
export interface KernelImage {
  /** The series asked for, such as `6.12`. */
  series: string;
  /** What `uname -r` says in the guest. */
  release: string;
  /** Folder with vmlinux, config and lib/modules/RELEASE. */
  folder: string;
}

/** Kernel series with the Debian suites that carry them, oldest first. */
const suitesBySeries: ReadonlyMap<string, readonly string[]> = new Map([
  ['5.10', ['bullseye', 'bullseye-security']],
  ['6.1', ['bookworm', 'bookworm-security']],
  ['6.12', ['trixie', 'trixie-security', 'bookworm-security']],
  ['7', ['forky', 'sid']],
]);

/** The kernel series that can be fetched, oldest first. */
export const kernelSeries: readonly string[] = [...suitesBySeries.keys()];

/**
 * Returns the newest kernel of a series such as `6.12` or `7`, downloading it from the machine's Debian mirror the
 * first time and keeping it in build/kernels/SERIES. Safe to call from several processes at once.
 */
export async function fetchKernel(series: string, report: (message: string) => void = () => {}): Promise<KernelImage> {
  const suites = suitesBySeries.get(series);
  if (suites === undefined) {
    throw new Error(`unknown kernel series "${series}"; choose one of ${kernelSeries.join(', ')}`);
  }
  const kernels = path.join(repositoryRoot, 'build/kernels');
  const folder = path.join(kernels, series);
  const cached = await readKernel(series, folder);
  if (cached !== undefined) return cached;
  return await withFileLock(path.join(kernels, `${series}.lock`), async () => {
    const fetchedMeanwhile = await readKernel(series, folder);
    if (fetchedMeanwhile !== undefined) return fetchedMeanwhile;
    report(`downloading Debian's newest ${series} kernel (once; kept in build/kernels/${series})`);
    const workspace = await mkdtemp(path.join(kernels, `${series}.download-`));
    try {
      await download(series, suites, workspace, path.join(workspace, 'kernel'));
      await rename(path.join(workspace, 'kernel'), folder);
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
    const fetched = await readKernel(series, folder);
    if (fetched === undefined) throw new Error(`the kernel in ${folder} is incomplete`);
    report(`kernel ${fetched.release} is ready`);
    return fetched;
  });
}

async function readKernel(series: string, folder: string): Promise<KernelImage | undefined> {
  try {
    const release = await readFile(path.join(folder, 'release'), 'utf8');
    return { series, folder, release: release.trim() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function download(series: string, suites: readonly string[], workspace: string, target: string): Promise<void> {
  const apt = new PrivateApt(path.join(workspace, 'apt'), suites);
  await apt.update();
  const image = newestImage(series, await apt.packages(`linux-image-${series}.`));
  if (image === undefined) {
    throw new Error(`no ${series} kernel in ${suites.join(', ')} on this machine's mirror:\n${apt.updateReport}`);
  }
  const unpacked = path.join(workspace, 'unpacked');
  await apt.unpack(packageParts(image), unpacked);
  await mkdir(target, { recursive: true });
  const release = await joinModuleFolders(unpacked);
  await keepBootFiles(unpacked, release, target);
  await copyModules([...bootModules, ...guestModules], release, unpacked, target);
  await writeFile(path.join(target, 'package'), `${image.name} ${image.version}\n`);
  await writeFile(path.join(target, 'release'), `${release}\n`);
}

/** The signed general-purpose image with the highest upstream version. */
function newestImage(series: string, packages: readonly AptPackage[]): AptPackage | undefined {
  const upstream = (version: string) => (/^[\d.]+/.exec(version)?.[0] ?? '').split('.').map(Number);
  const images = packages.filter(
    ({ name, version }) => /-amd64$/.test(name) && !/-(rt|cloud)-amd64$/.test(name) && version.startsWith(`${series}.`),
  );
  return images.toSorted((left, right) => compareNumbers(upstream(right.version), upstream(left.version)))[0];
}

function compareNumbers(left: readonly number[], right: readonly number[]): number {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** From 7.x on the image package is only a name for others: the kernel itself, its configuration, its modules. */
function packageParts(image: AptPackage): string[] {
  const parts = image.depends.match(/linux-(base|binary|modules)-[^\s,]+/g) ?? [];
  return [image.name, ...parts].map((name) => `${name}=${image.version}`);
}

/** Packages put modules below lib or usr/lib, depending on the release; depmod wants lib. Returns the kernel's release. */
async function joinModuleFolders(unpacked: string): Promise<string> {
  const modules = path.join(unpacked, 'lib/modules');
  const merged = path.join(unpacked, 'usr/lib/modules');
  if (existsSync(merged)) await cp(merged, modules, { recursive: true });
  const [release] = await readdir(modules);
  if (release === undefined) throw new Error(`the kernel packages have no lib/modules/RELEASE in ${unpacked}`);
  return release;
}

/** Keeps the kernel and its configuration, which newer packages have beside the modules instead of in /boot. */
async function keepBootFiles(unpacked: string, release: string, target: string): Promise<void> {
  const find = (kind: string) => {
    const places = [`boot/${kind}-${release}`, `lib/modules/${release}/${kind}`];
    const found = places.map((place) => path.join(unpacked, place)).find((file) => existsSync(file));
    if (found === undefined) throw new Error(`the kernel packages have none of ${places.join(', ')}`);
    return found;
  };
  await copyFile(find('config'), path.join(target, 'config'));
  await writeFile(path.join(target, 'vmlinux'), extractVmlinux(await readFile(find('vmlinuz'))));
}
