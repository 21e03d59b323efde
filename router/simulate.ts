import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { sentence } from '#contracts/decision.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import type { NewQuarantine } from '#ledger/quarantine.ts'
import type { Decided } from '#ledger/set.ts'
import {
  audiencePage,
  contactRecipient,
  contactsAsKept,
  countWithSources,
  type MembershipSource,
  readPeople,
} from '#preferences/preferences.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { believed } from './admit.ts'
import { carried, casesOf } from './commit.ts'
import { addEngagement } from './engaged.ts'
import { memberCases } from './expand.ts'
import { audiencesOf, countedMembers, type Facts } from './gather.ts'
import { type Case, fold, readDigests, underStops, windowKeys } from './judge.ts'
import { countedTo, tooMany, tooMuch, underQuarantine } from './policies/quarantine.ts'
import { supposedBlast } from './volumes.ts'
import { readStops } from '#ledger/stops.ts'
import { readWindows } from './windows-store.ts'

/** Members of the intent's audiences that are decided about; of the others there is a count. */
const membersShown = 100
/** Nobody reads a whole audience to answer a question. */
const membersCounted = 10_000
const pageSize = 1_000

/** What would become of an intent, by its own catalogue entry, were it decided now. */
export type Supposed = { intent: Intent; entry: AnyNotificationType; now: EpochMs }

/** One line for each person and channel. `verdict`: `deliver`, `held`, or the outcome of a refusal. */
export type SimulatedLine = {
  recipient: RecipientId
  reason?: string
  channel: Channel
  verdict: string
  rule: string
  value?: string
  sentence: string
}
export type Simulation = {
  lines: SimulatedLine[]
  /** How many lines there are of a channel, verdict and rule, the most first. */
  summary: { channel: Channel; verdict: string; rule: string; n: number }[]
  /** Members of its audiences whom it does not name itself: how many, the first of whom are in `lines`. */
  members?: { n: number; shown: number; more: boolean }
}

type SimulateDeps = {
  db: Database
  addressKey: string
  sources?: readonly MembershipSource[]
  volumeFloor?: number | undefined
}

/**
 * What the router would decide about an intent: with what is known of its people and the windows as they stand. Changes
 * nothing, consumes nothing, tells nobody. Inline contacts are called by the ids that they would get.
 */
export async function simulate(deps: SimulateDeps, { entry, now, ...supposed }: Supposed): Promise<Simulation> {
  const intent = { ...supposed.intent, occurredAt: believed(supposed.intent.occurredAt, now) }
  const { members, cases } = await supposedCases(deps, { intent, entry, now })
  const lines = (await decidedNow(deps.db, cases)).map(lineOf)
  const named = audiencesOf(intent).length > 0
  return { lines, summary: summaryOf(lines), ...(named && { members }) }
}

/** Decides cases with the windows and digests as they stand, which stay as they are. */
async function decidedNow(db: Queryable, cases: readonly Case[]): Promise<Decided[]> {
  await addEngagement(db, cases)
  const windows = await readWindows(db, windowKeys(cases))
  const stops = await readStops(db)
  return fold(underStops(cases, stops), { windows, digests: await readDigests(db, cases) }).decided
}

async function supposedCases(deps: SimulateDeps, { intent, entry, now }: Supposed) {
  const facts = await supposedFacts(deps, intent)
  const at = { now, trustEventTime: false }
  const named = casesOf({ intent, entry }, facts, at)
  const audiences = audiencesOf(intent)
  const except = named.map(one => one.recipient)
  const { page, n, more } = await membersOf(deps, { audiences, except: new Set([...except, intent.actor]) })
  const expansion = { intent: carried({ intent, entry }, now), audiences, except }
  const members = await memberCases(expansion, page, { ...at, db: deps.db, entry })
  const held = await supposedQuarantine(deps, { intent, entry, now }, named.length)
  const kept = new Map(held && [[intent.id, { state: 'open' as const, ...held, sample: [] }]])
  const cases =
    held?.guard === 'members'
      ? [...named, ...underQuarantine(members, kept)]
      : underQuarantine([...named, ...members], kept)
  return { cases, members: { n, shown: members.length, more } }
}

/** What would hold it, as it is asked when an intent is admitted, and before a team's own list is read. */
async function supposedQuarantine(
  { db, volumeFloor, sources = [] }: SimulateDeps,
  { intent, entry, now: at }: Supposed,
  named: number,
): Promise<Pick<NewQuarantine, 'guard' | 'most'> | undefined> {
  const members = (await countedMembers(db, [{ intent, entry }])).get(intent.id) ?? 0
  const counted = { named, members }
  const blast = async () =>
    intent.dryRun ? undefined : supposedBlast({ db, volumeFloor }, { intent, entry, n: named + members, at })
  const held = tooMany({ intent, entry }, counted) ?? tooMuch({ intent, entry }, { ...counted, blast: await blast() })
  if (held) return held
  const audiences = audiencesOf(intent).map(one => one.audience)
  const all = await countWithSources(db, { audiences, limit: countedTo(entry), sources })
  return all === undefined ? undefined : tooMany({ intent, entry }, { named, members: all, guard: 'members' })
}

/** As `gather` reads them, but that it stores contacts. */
async function supposedFacts({ db, addressKey }: SimulateDeps, intent: Intent): Promise<Facts> {
  const { to } = intent
  const inline = to.filter(one => one.kind === 'contact')
  const ids = inline.map(one => contactRecipient(addressKey, one.contact))
  const named = to.flatMap(one => (one.kind === 'recipient' ? one.id : []))
  const people = await readPeople(db, [...new Set([...ids, ...named])], [intent])
  const kept = inline.length > 0 ? await contactsAsKept({ db, addressKey }, inline, people) : []
  return {
    people: new Map([...people, ...kept]),
    contacts: new Map(inline.map((one, at) => [JSON.stringify(one.contact), ids[at]!])),
  }
}

type Page = Awaited<ReturnType<typeof audiencePage>>

async function membersOf(
  { db, sources = [] }: SimulateDeps,
  { audiences, except }: { audiences: readonly { audience: string }[]; except: ReadonlySet<string | undefined> },
): Promise<{ page: Page; n: number; more: boolean }> {
  const first: Page = []
  let n = 0
  if (audiences.length === 0) return { page: first, n, more: false }
  for (let after = ''; n < membersCounted;) {
    const page = await audiencePage(db, {
      audiences: audiences.map(one => one.audience),
      ...{ after, limit: pageSize, sources },
    })
    const members = page.filter(member => !except.has(member.recipient))
    first.push(...members.slice(0, membersShown - first.length))
    n += members.length
    if (page.length < pageSize) return { page: first, n, more: false }
    after = page.at(-1)!.recipient
  }
  return { page: first, n, more: true }
}

function lineOf({ recipient, reason, channel, verdict }: Decided): SimulatedLine {
  const { rule, value } = verdict.why
  return {
    ...{ recipient, channel, verdict: verdict.kind === 'refused' ? verdict.outcome : verdict.kind, rule },
    ...(reason !== undefined && { reason }),
    ...(value !== undefined && { value }),
    sentence: sentence(verdict.why),
  }
}

function summaryOf(lines: readonly SimulatedLine[]): Simulation['summary'] {
  const alike = Map.groupBy(lines, ({ channel, verdict, rule }) => `${channel} ${verdict} ${rule}`)
  return [...alike.values()]
    .map(same => ({ channel: same[0]!.channel, verdict: same[0]!.verdict, rule: same[0]!.rule, n: same.length }))
    .sort((a, b) => b.n - a.n)
}
