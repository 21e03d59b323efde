import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { OpenDigest } from '#ledger/digests.ts'
import { type Stated, statedBetween } from '#ledger/stated.ts'
import { inTenant, type Person, readPeople } from '#preferences/preferences.ts'
import type { Database } from '#runtime/postgres.ts'
import { type Case, type Digests, fold, windowKeys } from './judge.ts'

/** How often a type on a channel was decided so by each catalogue; `verdict` is `deliver`, `held`, or a refusal's outcome. */
export type ComparedRow = {
  type: string
  channel: Channel | ''
  verdict: string
  rule: string
  current: number
  candidate: number
}
export type Comparison = {
  since: EpochMs
  until: EpochMs
  /** Pairs of an intent and a person. */
  cases: number
  /** Of these, those whose data is gone: their type's dedupe and digest are not asked, by either catalogue. */
  withoutData: number
  /** Sorted by type, channel and verdict. A catalogue that lacks the type decides `unknown` for no channel. */
  rows: ComparedRow[]
}

/**
 * Decides what happened in a period under two catalogues, by the router's own functions: with what is known of people today,
 * at the instant at which each intent happened (or was to be sent), beginning with empty windows. What is held is not
 * followed to its release. One read-only transaction; memory does not grow with the period.
 */
export async function compare(
  db: Database,
  { current, candidate, ...period }: { since: EpochMs; until: EpochMs; current: Catalogue; candidate: Catalogue },
): Promise<Comparison> {
  return db.transaction(async tx => {
    await tx.query('set transaction isolation level repeatable read, read only')
    const sides = { current: sideOf(current), candidate: sideOf(candidate) }
    const found = { cases: 0, withoutData: 0 }
    for await (const page of statedBetween(tx, period)) {
      const recipients = [...new Set(page.map(one => one.recipient))]
      const people = await readPeople(
        tx,
        recipients,
        page.map(one => one.intent),
      )
      for (const stated of page) {
        found.cases++
        if (stated.intent.data === undefined) found.withoutData++
        for (const side of Object.values(sides)) side.decide(stated, people.get(stated.recipient)!)
      }
    }
    return { ...period, ...found, rows: rowsOf(sides.current.counts, sides.candidate.counts) }
  })
}

type Counts = Map<string, Omit<ComparedRow, 'current' | 'candidate'> & { n: number }>

/** One catalogue, and what it has decided so far. People must come one after the other, each in order of what happened. */
function sideOf(catalogue: Catalogue): { counts: Counts; decide(stated: Stated, person: Person): void } {
  const counts: Counts = new Map()
  let of: { recipient: RecipientId; windows: Map<string, string>; digests: Digests } | undefined
  const count = (key: Omit<ComparedRow, 'current' | 'candidate'>) => {
    const name = nameOf(key)
    const known = counts.get(name)
    if (known) known.n++
    else counts.set(name, { ...key, n: 1 })
  }
  return {
    counts,
    decide(stated, person) {
      const { recipient, intent } = stated
      const { type } = intent
      const entry = catalogue.types.get(type)
      if (!entry) return count({ type, channel: '', verdict: 'unknown', rule: 'not in the catalogue' })
      if (of?.recipient !== recipient) of = { recipient, windows: new Map(), digests: new Map() }
      const one = caseOf(stated, { entry, person })
      for (const key of windowKeys([one])) if (!of.windows.has(key)) of.windows.set(key, '')
      dropDue(of.digests.get(recipient), one.at)
      const { decided, changed } = fold([one], of)
      for (const [key, { state }] of changed) of.windows.set(key, state)
      for (const { channel, verdict } of decided)
        count({
          ...{ type, channel, verdict: verdict.kind === 'refused' ? verdict.outcome : verdict.kind },
          rule: verdict.why.rule,
        })
    },
  }
}

/** As the catalogue would have carried it. A schedule is over at the instant of the decision. */
function caseOf(
  { intent, recipient, reason }: Stated,
  { entry, person }: { entry: AnyNotificationType; person: Person },
): Case {
  const { sendAt, data, mandatory: _mandatory, ...facts } = intent
  const { dedupe: _dedupe, digest: _digest, ...withoutData } = entry
  return {
    intent: { ...facts, category: entry.category, data: data ?? {}, ...(entry.mandatory && { mandatory: true }) },
    entry: data === undefined ? withoutData : entry,
    ...(reason !== undefined && { reason }),
    ...{ recipient, person: inTenant(person, intent.tenant), at: Math.max(intent.occurredAt, sendAt ?? 0) },
  }
}

/** What is due has been told: the next one opens another. */
function dropDue(digests: Map<string, OpenDigest> | undefined, at: EpochMs): void {
  for (const [key, { dueAt }] of digests ?? []) if (dueAt <= at) digests!.delete(key)
}

const nameOf = ({ type, channel, verdict, rule }: Omit<ComparedRow, 'current' | 'candidate'>): string =>
  [type, channel, verdict, rule].join(' ')

function rowsOf(current: Counts, candidate: Counts): ComparedRow[] {
  const names = [...new Set([...current.keys(), ...candidate.keys()])].sort()
  return names.map(name => {
    const { n: _, ...key } = (current.get(name) ?? candidate.get(name))!
    return { ...key, current: current.get(name)?.n ?? 0, candidate: candidate.get(name)?.n ?? 0 }
  })
}
