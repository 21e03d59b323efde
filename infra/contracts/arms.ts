import { hash } from 'node:crypto'
import type { Step } from './catalogue.ts'
import type { Channel } from './channel.ts'

/**
 * An experiment on a type: its people fall into arms, by their share of the whole. `name` is part of the draw: a new name
 * draws anew, two types with the same name put a person into the same arm.
 */
export type Arms<Arm extends string = string> = { name: string; split: Readonly<Record<Arm, number>> }

/** What draws look at of an entry. */
type Entry = { arms?: Arms; deliver: readonly { channel: Channel; arm?: string }[] }

/**
 * The arm that a person is in. The same for ever while the split stays; where it changes, people move only into arms
 * whose share grew, or out of those whose share shrank. Undefined for a type without arms.
 */
export function armOf({ arms }: Pick<Entry, 'arms'>, recipient: string): string | undefined {
  if (!arms) return undefined
  let first: { arm: string; at: number } | undefined
  // Weighted rendezvous (highest random weight) hashing: each arm draws by itself, and the least waiting time wins.
  for (const [arm, share] of Object.entries(arms.split)) {
    const at = -Math.log(1 - draw(`arm\0${arms.name}\0${arm}`, recipient)) / share
    if (share > 0 && (first === undefined || at < first.at)) first = { arm, at }
  }
  return first?.arm
}

/** The arm as events tell it, `subject-line/b`: two experiments may both have a `b`. */
export function armLabel(entry: Pick<Entry, 'arms'>, recipient: string): string | undefined {
  const arm = armOf(entry, recipient)
  return arm === undefined ? undefined : `${entry.arms!.name}/${arm}`
}

/** The channels by which a type goes to a person: all, but for those of another arm. */
export function channelsOf(entry: Entry, recipient: string): Channel[] {
  // Asked of everybody: most types have no arms.
  if (!entry.arms) return entry.deliver.map(step => step.channel)
  const arm = armOf(entry, recipient)
  return entry.deliver.filter(step => step.arm === undefined || step.arm === arm).map(step => step.channel)
}

/** The step by which a type goes to a person on a channel; undefined where it does not. */
export function stepFor(
  { arms, deliver }: { arms?: Arms; deliver: readonly Step[] },
  recipient: string,
  channel: Channel,
): Step | undefined {
  if (!arms) return deliver.find(step => step.channel === channel)
  const arm = armOf({ arms }, recipient)
  return deliver.find(step => step.channel === channel && (step.arm === undefined || step.arm === arm))
}

/** A number from 0 to below 1 for a person, even over people, and independent for every salt. The same for ever. */
export const draw = (salt: string, recipient: string): number =>
  Number.parseInt(hash('sha256', `${salt}\0${recipient}`).slice(0, 12), 16) / 2 ** 48
