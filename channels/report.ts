import type { Deed } from '#contracts/event.ts'
import type { Attempt, BatchId, EpochMs } from '#contracts/ids.ts'
import { isUuid } from '#contracts/ids.ts'
import type { Standing } from '#contracts/standing.ts'

/** What a provider reports of an attempt, in our words. */
export type Report = {
  standing: Standing
  /** The provider's own id of the message. */
  providerId: string
  /** When it happened, where the provider says. */
  at?: EpochMs
  /** What was done with the message, to be told. It stops no later step and reads nothing. */
  deed?: Deed
  /** What it teaches about the address. */
  mark?: { state: 'dead' | 'suppressed' | 'taken back'; reason: string }
  /** What makes the address suspect when it comes so often in so many days. */
  trouble?: { reason: string; times: number; days: number }
  /** Something that only an operator can mend: the provider's code. */
  alarm?: string
}

/** A report as it is kept until it is believed: in the provider's words, but nothing that names a person. */
export type KeptReport = {
  /** The provider's name for it, the same in every copy. */
  event: string
  attempt: string
  /** The address it is about. Only its hash is kept. */
  address?: string
  body: Readonly<Record<string, string | number>>
}

/** The attempt that a report names, or undefined for any other text. */
export function attemptNamed(text: string): Attempt | undefined {
  const [, batch, slot] = /^([^.]{36})\.(\d{1,5})$/.exec(text) ?? []
  return isUuid(batch) && batch[14] === '7' ? { batch: batch as BatchId, slot: Number(slot) } : undefined
}

/** An id of a provider, or undefined for what is too long or strange to be kept. */
export const idIn = (said: unknown): string | undefined =>
  typeof said === 'string' && /^[\w.:=+/-]{1,200}$/.test(said) ? said : undefined
