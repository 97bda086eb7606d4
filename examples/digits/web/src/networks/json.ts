/** Reading what a file must hold, and saying where it does not. */

import { NetworkFileError } from "./network";

type Json = unknown;

/** What a value is, in a few words. */
export function found(value: Json): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

export function refuse(place: string, expected: string, value: Json): never {
  throw new NetworkFileError(`${place}: expected ${expected}, found ${found(value)}`);
}

export function objectAt(value: Json, place: string): Record<string, Json> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(place, "an object", value);
  }
  return value as Record<string, Json>;
}

/** An object that has these keys and no others. */
export function recordAt(value: Json, place: string, keys: string[]): Record<string, Json> {
  const record = objectAt(value, place);
  for (const key of keys) {
    if (!(key in record)) throw new NetworkFileError(`${place}: the key "${key}" is missing`);
  }
  for (const key in record) {
    if (!keys.includes(key)) {
      throw new NetworkFileError(`${place}: the key "${key.slice(0, 40)}" is unknown`);
    }
  }
  return record;
}

export function listAt(value: Json, place: string): Json[] {
  if (!Array.isArray(value)) refuse(place, "a list", value);
  return value as Json[];
}

export function textAt(value: Json, place: string): string {
  if (typeof value !== "string") refuse(place, "a string", value);
  return value as string;
}

export function numberAt(value: Json, place: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) refuse(place, "a finite number", value);
  return value as number;
}

/** A whole number from 0 to a largest one. */
export function wholeAt(value: Json, place: string, largest: number): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > largest) {
    refuse(place, `a whole number from 0 to ${largest}`, value);
  }
  return value as number;
}
