import { createHash } from 'node:crypto'
import {
  type AnyNotificationType,
  digestChannels,
  type DigestRule,
  durationMs,
  weekdays,
} from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Cadence } from '#contracts/preferences.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import { digestMax, newDigest, type OpenDigest } from '#ledger/digests.ts'
import type { ToldTogether } from '#ledger/stops.ts'
import { cadenceOf, type Person } from '#preferences/preferences.ts'
import type { ChannelDecision } from '../decide.ts'

/** The digests that a person's decisions can join, by key. Read and written: who joins or opens one is remembered in it. */
export type OwnDigests = Map<string, OpenDigest>

type Asked = { entry: AnyNotificationType; intent: CarriedIntent; person: Person; at: EpochMs; digests: OwnDigests }

/**
 * What may leave by the channels of the type's digest joins the one that is open, or opens it. It consumes nothing: what
 * is told is decided again when the digest is due.
 */
export function joinDigest(asked: Asked, decisions: ChannelDecision[]): ChannelDecision[] {
  const { entry, person, at, digests } = asked
  const rule = entry.digest && inCadence(entry.digest, cadenceOf(person, entry.category))
  if (!rule) return decisions
  const waiting = digestChannels(entry)
  const joins = ({ channel, verdict }: ChannelDecision) => verdict.kind === 'deliver' && waiting.includes(channel)
  if (!decisions.some(joins)) return decisions

  const key = keyOf(rule, asked)
  const open = digests.get(key)
  const digest = open ?? newDigest({ recipient: person.id, key, openedAt: at, dueAt: dueOf(rule, person, at) })
  digests.set(key, digest)
  if (!open && rule.sendFirst) return decisions.map(one => (joins(one) ? { ...one, digest } : one))
  digest.n++
  if (open && 'every' in rule && rule.atMost !== undefined) slide(digest, rule.every, { atMost: rule.atMost, at })
  if (digest.n >= (rule.maxItems ?? digestMax)) {
    Object.assign(digest, { full: true, dueAt: at })
    digests.delete(key)
  }
  const why = { rule: 'digest' as const, value: whenOf(rule) }
  return decisions.map(one =>
    joins(one)
      ? {
          ...{ channel: one.channel, endpoints: [], digest },
          verdict: { kind: 'held', reason: 'digest', until: digest.dueAt, why },
        }
      : one,
  )
}

/** When the person wants to hear of the category, where they have said so: undefined is at once. */
function inCadence(rule: DigestRule, cadence: Cadence | undefined): DigestRule | undefined {
  const { by, into, channels } = rule
  const same = { ...(by && { by }), ...(into !== undefined && { into }), ...(channels && { channels }) }
  switch (cadence) {
    case undefined:
      return rule
    case 'instant':
      return undefined
    case 'hourly':
      return { ...same, every: '1h' }
    case 'daily':
      return { ...same, at: morning }
    case 'weekly':
      return { ...same, at: morning, on: 'mon' }
    default:
      return cadence satisfies never
  }
}

const morning = '08:00'

/** A key may hold what the data says, so it is not kept itself. */
function keyOf({ by = 'recipient', into }: DigestRule, { entry, intent }: Asked): string {
  const named = into === undefined ? `type ${entry.type}` : `digest ${into}`
  return hashOf(`${named} ${partOf(by, intent)}`)
}

function partOf(by: NonNullable<DigestRule['by']>, intent: CarriedIntent): string {
  if (by === 'recipient') return ''
  return by === 'thread' ? `thread ${intent.thread ?? ''}` : `key ${by(intent.data as never, intent)}`
}

/** 96 bits, so that no two keys of a person meet. */
const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16)

function dueOf(rule: DigestRule, { zone = 'UTC' }: Person, at: EpochMs): EpochMs {
  if ('every' in rule) return at + durationMs(rule.every)
  const now = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
  const days = rule.on === undefined ? [0, 1] : [weekdays.indexOf(rule.on) + 1 - now.dayOfWeek].flatMap(d => [d, d + 7])
  return days
    .map(ahead => now.toPlainDate().add({ days: ahead }).toZonedDateTime({ timeZone: zone, plainTime: rule.at }))
    .map(due => due.epochMilliseconds)
    .find(due => due > at)!
}

/** Never earlier than it was, never later than the ceiling. */
function slide(
  digest: OpenDigest,
  every: Parameters<typeof durationMs>[0],
  { atMost, at }: { atMost: Parameters<typeof durationMs>[0]; at: EpochMs },
): void {
  const ceiling = digest.openedAt + durationMs(atMost)
  digest.dueAt = Math.max(digest.dueAt, Math.min(ceiling, at + durationMs(every)))
}

const whenOf = (rule: DigestRule): string =>
  'every' in rule
    ? `within ${rule.atMost ?? rule.every}`
    : `at ${rule.at}${rule.on === undefined ? '' : ` on ${rule.on}`}`

/** Interruptions about a thread that quiet hours hold are told as one when they end. */
export function collapseByThread(
  { intent, person, at, digests }: Omit<Asked, 'entry'>,
  decisions: ChannelDecision[],
): ChannelDecision[] {
  const waits = ({ channel, verdict }: ChannelDecision) =>
    verdict.kind === 'held' && verdict.reason === 'quiet_hours' && channel !== 'in_app'
  const verdict = decisions.find(waits)?.verdict
  if (intent.thread === undefined || verdict?.kind !== 'held') return decisions
  const key = hashOf(`quiet hours ${intent.thread}`)
  const digest = joined(digests, { recipient: person.id, key, openedAt: at, dueAt: verdict.until })
  return decisions.map(one => (waits(one) ? { ...one, digest } : one))
}

/** The digest of a key with one intent more, opened if it is not. */
function joined(digests: OwnDigests, about: Parameters<typeof newDigest>[0]): OpenDigest {
  const digest = digests.get(about.key) ?? newDigest(about)
  digests.set(about.key, digest)
  digest.n++
  if (digest.n >= digestMax) {
    digest.full = true
    digests.delete(about.key)
  }
  return digest
}

/** What comes later than what a stop held was told is told together by itself, after so long. */
const straggledMs = 60_000

/** Interruptions that an ended stop held are told to a person as one, when all of them have come forward. */
export function joinResumed(
  { person, at, digests, together }: Omit<Asked, 'entry'> & { together: ToldTogether },
  decisions: ChannelDecision[],
): ChannelDecision[] {
  const waits = ({ channel, verdict }: ChannelDecision) => verdict.kind === 'deliver' && channel !== 'in_app'
  if (!decisions.some(waits)) return decisions
  const key = hashOf(`stop ${together.id}`)
  const dueAt = together.toldAt > at ? together.toldAt : at + straggledMs
  const digest = joined(digests, { recipient: person.id, key, openedAt: at, dueAt })
  const why = { rule: 'digest' as const, value: 'of what an operator had stopped' }
  return decisions.map(one =>
    waits(one)
      ? {
          ...{ channel: one.channel, endpoints: [], digest, ...(one.digest && { opens: one.digest }) },
          verdict: { kind: 'held', reason: 'stopped_late', until: digest.dueAt, why },
        }
      : one,
  )
}
