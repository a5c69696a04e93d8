import { strict as assert } from 'node:assert';

/**
 * The address of something the kernel side owns, which knows whether it still exists. Using it after `release` is a bug of
 * ours and an assertion error that names it.
 */
export class Handle {
  readonly label: string;
  #address: bigint | undefined;

  constructor(label: string, address: bigint) {
    this.label = label;
    this.#address = address;
  }

  get address(): bigint {
    assert(this.#address !== undefined, `${this.label} is used after close`);
    return this.#address;
  }

  get closed(): boolean {
    return this.#address === undefined;
  }

  /** Gives the address up; returns undefined the second time. */
  release(): bigint | undefined {
    const address = this.#address;
    this.#address = undefined;
    return address;
  }
}
