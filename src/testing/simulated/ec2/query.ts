import { Ec2Refusal } from "./refusals.ts";

/** The parameters of an EC2 request, where `A.1.B` is the `B` of the first of a list. */
export class Query {
  readonly #parameters: ReadonlyMap<string, string>;
  readonly #prefix: string;

  constructor(parameters: ReadonlyMap<string, string>, prefix = "") {
    this.#parameters = parameters;
    this.#prefix = prefix;
  }

  text(name: string): string | null {
    return this.#parameters.get(this.#prefix + name) ?? null;
  }

  /** @throws Ec2Refusal when it is missing. */
  required(name: string): string {
    const value = this.text(name);
    if (value === null || value === "") {
      throw new Ec2Refusal("MissingParameter", `The request must contain the parameter ${name}`);
    }
    return value;
  }

  /** @throws Ec2Refusal when it is no whole number. */
  integer(name: string): number | null {
    const value = this.text(name);
    if (value === null) return null;
    if (!/^-?\d+$/.test(value)) throw new Ec2Refusal("InvalidParameterValue", `Invalid value '${value}' for ${name}`);
    return Number(value);
  }

  flag(name: string): boolean {
    return this.text(name) === "true";
  }

  /** A part of it, by its name. */
  part(name: string): Query {
    return new Query(this.#parameters, `${this.#prefix}${name}.`);
  }

  /** A list of parts. */
  parts(name: string): Query[] {
    return this.#indexes(name).map((index) => this.part(`${name}.${index}`));
  }

  /** A list of values. */
  texts(name: string): string[] {
    return this.#indexes(name)
      .map((index) => this.text(`${name}.${index}`))
      .filter((value) => value !== null);
  }

  /** All of it, in an order of its own: the same for the same request. */
  canonical(without: string): string {
    const entries = [...this.#parameters].filter(([name]) => name !== without);
    return JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #indexes(name: string): number[] {
    const start = `${this.#prefix}${name}.`;
    const names = [...this.#parameters.keys()].filter((key) => key.startsWith(start));
    const indexes = new Set(names.map((key) => Number.parseInt(key.slice(start.length), 10)));
    return [...indexes].filter((index) => !Number.isNaN(index)).toSorted((a, b) => a - b);
  }
}
