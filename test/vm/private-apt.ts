import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from './run-command.ts';

/** Addresses of the Debian archive and of its security archive, without a trailing slash. */
export interface DebianMirrors {
  main: string;
  security: string;
}

/** A Debian package as apt knows it; `depends` is the text of its Depends field. */
export interface AptPackage {
  name: string;
  version: string;
  depends: string;
}

const machineKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Finds the mirrors this machine is configured to use.
 *
 * Reads apt's own view of its sources, so that .list and .sources files and any future format all work.
 * DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR in the environment win. Throws when no Debian archive is configured.
 */
export async function findDebianMirrors(): Promise<DebianMirrors> {
  const format = '$(REPO_URI)\t$(LABEL)';
  const { stdout } = await runCommand('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const targets = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t') as [string, string])
    .map(([uri, label]) => ({ uri: uri.replace(/\/+$/, ''), label }));
  const main =
    process.env['DEBIAN_MIRROR'] ?? targets.find(({ uri, label }) => label === 'Debian' || /\/debian$/.test(uri))?.uri;
  if (main === undefined) {
    throw new Error(
      'no Debian archive in the apt sources of this machine; set DEBIAN_MIRROR to the address of a Debian mirror',
    );
  }
  const security =
    process.env['DEBIAN_SECURITY_MIRROR'] ??
    targets.find(({ uri, label }) => label === 'Debian-Security' || /\/debian-security$/.test(uri))?.uri ??
    main.replace(/\/debian$/, '/debian-security');
  return { main, security };
}

/** An apt with its own sources and package lists, for suites this machine does not follow. */
export class PrivateApt {
  readonly #folder: string;
  readonly #suites: readonly string[];
  #updateReport = '';

  /** `folder` holds sources and lists and belongs to this instance; `suites` are Debian suite names. */
  constructor(folder: string, suites: readonly string[]) {
    this.#folder = folder;
    this.#suites = suites;
  }

  /** What the last `update` printed, to explain a package that cannot be found. */
  get updateReport(): string {
    return this.#updateReport;
  }

  /**
   * Downloads the package lists, checked against Debian's archive keys.
   *
   * A suite that a mirror no longer carries is left out by apt; the caller sees it by the package that is missing.
   */
  async update(): Promise<void> {
    await mkdir(path.join(this.#folder, 'lists/partial'), { recursive: true });
    await mkdir(path.join(this.#folder, 'cache/archives/partial'), { recursive: true });
    await mkdir(path.join(this.#folder, 'empty'), { recursive: true });
    await this.#updateWith(machineKeyring);
    if (/NO_PUBKEY|no public key/i.test(this.#updateReport)) await this.#updateWith(await this.#fetchNewerKeyring());
  }

  /** All versions in these suites of the packages whose name starts with `prefix`. */
  async packages(prefix: string): Promise<AptPackage[]> {
    const { stdout: names } = await this.#apt('apt-cache', ['pkgnames', prefix]);
    const found = names.split('\n').filter(Boolean);
    if (found.length === 0) return [];
    const { stdout } = await this.#apt('apt-cache', ['show', ...found]);
    return stdout.split('\n\n').flatMap((paragraph) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
      const [name, version] = [field('Package'), field('Version')];
      return name && version ? [{ name, version, depends: field('Depends') ?? '' }] : [];
    });
  }

  /** Downloads packages given as `name=version` and unpacks all of them into `target`. */
  async unpack(packages: readonly string[], target: string): Promise<void> {
    const archives = path.join(this.#folder, 'archives');
    await mkdir(archives, { recursive: true });
    await mkdir(target, { recursive: true });
    await this.#apt('apt-get', ['download', ...packages], archives);
    for (const file of await readdir(archives)) {
      await runCommand('dpkg-deb', ['--extract', path.join(archives, file), target]);
    }
  }

  async #updateWith(keyring: string): Promise<void> {
    const { main, security } = await findDebianMirrors();
    const sources = this.#suites.map(
      (suite) => `deb [signed-by=${keyring}] ${suite.endsWith('-security') ? security : main} ${suite} main\n`,
    );
    await writeFile(path.join(this.#folder, 'sources.list'), sources.join(''));
    const { stdout, stderr } = await this.#apt('apt-get', ['update'], undefined, true);
    this.#updateReport = stdout + stderr;
  }

  /** Takes the keyring package from the machine's own sources: it knows the keys of releases newer than the installed one. */
  async #fetchNewerKeyring(): Promise<string> {
    const folder = path.join(this.#folder, 'keyring');
    await mkdir(folder, { recursive: true });
    await runCommand('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', 'debian-archive-keyring'], {
      cwd: folder,
    });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get download debian-archive-keyring brought no package');
    await runCommand('dpkg-deb', ['--extract', archive, '.'], { cwd: folder });
    return path.join(folder, machineKeyring);
  }

  #apt(program: string, args: string[], cwd = this.#folder, allowFailure = false) {
    const settings = {
      'Dir::Etc::sourcelist': path.join(this.#folder, 'sources.list'),
      'Dir::Etc::sourceparts': path.join(this.#folder, 'empty'),
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': path.join(this.#folder, 'empty'),
      'Dir::State::lists': path.join(this.#folder, 'lists'),
      'Dir::Cache': path.join(this.#folder, 'cache'),
      'APT::Architecture': 'amd64',
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
      // Releases that are no longer updated keep a valid signature with an expired date.
      'Acquire::Check-Valid-Until': 'false',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return runCommand(program, [...options, ...args], { cwd, allowFailure });
  }
}
