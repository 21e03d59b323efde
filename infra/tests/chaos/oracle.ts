import { createHash } from 'node:crypto'
import { facts } from './workload.ts'

// The judge of a run. It reads tables and logs and knows nothing of the code that wrote them: its own words for codes,
// its own way to compute an id.

/** What the publisher knows of an intent. */
export type Told = { type: string; about: string; recipients: readonly string[]; occurredAt: number }
/** One place of one batch, as it stands in the table. */
export type Slot = {
  batch: string
  slot: number
  intent: string
  recipient: string
  channel: number
  endpoint: string
  outcome: number | null
  /** How often the batch was claimed. */
  claims: number
  /** For who reads a dossier. */
  claimed: Date | null
  closed: Date | null
}
/** A line of the simulators' log. */
export type Request = {
  provider: string
  address: string
  deliveryId?: string
  attemptId?: string
  accepted: boolean
  at: string
}
export type Item = { intent: string; recipient: string }
/** What analysts are told of the end of a place. */
export type Event = { batch: string; intent: string; recipient: string; endpoint: string; what: string }
/** By channel: notifications that were intended, and that were accepted. */
export type ByChannel = ReadonlyMap<string, { intended: number; accepted: number }>
export type Evidence = {
  told: ReadonlyMap<string, Told>
  slots: readonly Slot[]
  events: readonly Event[]
  /** What is counted for analysts, by who counts it. */
  counts: ReadonlyMap<string, ByChannel>
  requests: readonly Request[]
  inbox: readonly Item[]
  /** Batches whose worker was lost, or that were open when the database restarted; once for each time. */
  interrupted: readonly string[]
  /** Whose an address is. */
  owners: ReadonlyMap<string, string>
  /** Whom nothing may reach any more, and since when (ms). What was claimed before may still arrive for `graceMs`. */
  erased: ReadonlyMap<string, number>
  graceMs: number
}

/** One row for each place of each batch: the export that everything else is compared with. */
export const slotsSql = `select b.id::text as batch, place - 1 as slot, b.intents[1 + coalesce(b.picks[place], 0)]::text as intent,
  b.recipients[place] as recipient, b.channel, b.endpoints[place] as endpoint, b.outcomes[place] as outcome,
  b.attempt as claims, b.claimed_at as claimed, b.closed_at as closed from batches b cross join lateral generate_series(1, b.n) as place`

export const eventsSql = `select batch_id::text as batch, intent_id::text as intent, recipient, endpoint, what
  from delivery_events where kind = 'settled'`

export type Verdict = {
  /** Sentences by the name of the check that they break. */
  broken: Record<string, string[]>
  deliveries: number
  accepted: number
  /** Accepted requests beyond the first of a delivery, and how many could be by what was interrupted. */
  duplicates: { used: number; bound: number }
}

export function judge(evidence: Evidence): Verdict {
  const ledger = bookOf(evidence)
  const checks = { lost, twice, unsent, unasked, duplicated, throttled, deduplicated, wishes, mistold, miscounted }
  const broken: Verdict['broken'] = {}
  for (const [name, check] of Object.entries(checks)) {
    const sentences = check(evidence, ledger)
    if (sentences.length > 0) broken[name] = sentences
  }
  let accepted = 0
  const duplicates = { used: 0, bound: 0 }
  for (const { taken, interrupted, channel } of ledger.deliveries.values()) {
    accepted += taken
    if (channel === 'in_app') continue
    duplicates.used += Math.max(0, taken - 1)
    duplicates.bound += interrupted
  }
  return { broken, deliveries: ledger.deliveries.size, accepted, duplicates }
}

const channelNames = ['push', 'sms', 'email', 'in_app']
const codes = { moved: 0, sent: 1, delivered: 2, inDoubt: 26 }
/** Words of events, in the order of the ledger's codes. */
const words =
  `moved sent delivered rejected address_dead expired suppressed_preference suppressed_mute suppressed_address
  suppressed_read suppressed_active superseded deduplicated throttled over_budget digested escalation_stopped holdout
  no_endpoint killed retracted discarded dry_run not_allowed_here template_error provider_exhausted in_doubt`.split(
    /\s+/,
  )
/** Ends that leave it open whether something arrived, or say that it did. */
const mayArrive: readonly number[] = [codes.sent, codes.delivered, codes.inDoubt]

type Delivery = {
  intent: string
  recipient: string
  channel: string
  ends: number[]
  open: boolean
  /** Over all batches that it was in. */
  claims: number
  /** How often a batch that it was in was interrupted: each time it may have been sent, and is sent again. */
  interrupted: number
  requests: number
  /** Requests that the provider accepted; for the inbox, items. */
  taken: number
}
type Book = {
  /** By intent, recipient and endpoint. */
  deliveries: Map<string, Delivery>
  /** Ends without an endpoint, by intent, recipient and channel: refusals by a rule. */
  refusals: Map<string, number[]>
  /** What no delivery explains. */
  strays: string[]
}

/** Puts together what the ledger says of each delivery and what arrived for it. */
function bookOf({ slots, requests, inbox, interrupted }: Evidence): Book {
  const book: Book = { deliveries: new Map(), refusals: new Map(), strays: [] }
  const byAttempt = new Map<string, Delivery>()
  const losses = Map.groupBy(interrupted, batch => batch)
  for (const { batch, slot, intent, recipient, endpoint, outcome, claims, ...row } of slots) {
    const channel = channelNames[row.channel]!
    if (endpoint === '') {
      const key = `${intent} ${recipient} ${channel}`
      book.refusals.set(key, [...(book.refusals.get(key) ?? []), outcome!])
      continue
    }
    const id = deliveryIdOf(intent, recipient, endpoint)
    let delivery = book.deliveries.get(id)
    if (!delivery) {
      delivery = { intent, recipient, channel, ends: [], open: false, claims: 0, interrupted: 0, requests: 0, taken: 0 }
      book.deliveries.set(id, delivery)
    }
    byAttempt.set(`${batch}.${slot}`, delivery)
    delivery.claims += claims
    delivery.interrupted += losses.get(batch)?.length ?? 0
    if (outcome === null) delivery.open = true
    else if (outcome !== codes.moved) delivery.ends.push(outcome)
  }
  for (const { provider, deliveryId, attemptId, accepted } of requests) {
    if (provider === 'oauth') continue
    const delivery = deliveryId === undefined ? byAttempt.get(attemptId ?? '') : book.deliveries.get(deliveryId)
    if (!delivery) {
      book.strays.push(`${provider} got a request that no delivery explains`)
      continue
    }
    delivery.requests++
    if (accepted) delivery.taken++
  }
  for (const { intent, recipient } of inbox) {
    const delivery = book.deliveries.get(deliveryIdOf(intent, recipient, 'inbox'))
    if (delivery) delivery.taken++
    else book.strays.push(`the inbox has an item of ${intent} for ${recipient} that no delivery explains`)
  }
  return book
}

const deliveryIdOf = (intent: string, recipient: string, endpoint: string): string =>
  createHash('sha256').update(`${intent}\0${recipient}\0${endpoint}`).digest().subarray(0, 16).toString('base64url')

type Check = (evidence: Evidence, book: Book) => string[]
const nameOf = ({ intent, recipient, channel }: { intent: string; recipient: string; channel: string }): string =>
  `${intent} for ${recipient} by ${channel}`

/** Everything that was published came to an end. */
const lost: Check = ({ told }, { deliveries, refusals }) => {
  const known = new Set(refusals.keys())
  const sentences: string[] = []
  for (const delivery of deliveries.values()) {
    known.add(`${delivery.intent} ${delivery.recipient} ${delivery.channel}`)
    if (delivery.open || delivery.ends.length === 0) sentences.push(`${nameOf(delivery)} has not ended`)
  }
  for (const [intent, { type, recipients }] of told)
    for (const recipient of recipients)
      for (const channel of facts[type]!.channels)
        if (!known.has(`${intent} ${recipient} ${channel}`))
          sentences.push(`${nameOf({ intent, recipient, channel })} was never decided`)
  return sentences
}

/** One end for each, and nothing that nobody asked for. */
const twice: Check = ({ told }, { deliveries, refusals }) => {
  const sentences: string[] = []
  for (const delivery of deliveries.values()) {
    const { intent, recipient, channel, ends } = delivery
    if (ends.length > 1) sentences.push(`${nameOf(delivery)} ended ${ends.length} times`)
    if (refusals.has(`${intent} ${recipient} ${channel}`))
      sentences.push(`${nameOf(delivery)} was delivered and refused`)
    const known = told.get(intent)
    if (!known?.recipients.includes(recipient) || !facts[known.type]!.channels.includes(channel))
      sentences.push(`${nameOf(delivery)} is in the ledger and nobody asked for it`)
  }
  for (const [key, ends] of refusals) if (ends.length > 1) sentences.push(`${key} was refused ${ends.length} times`)
  return sentences
}

/** What the ledger calls sent was accepted by somebody. */
const unsent: Check = (_, { deliveries }) =>
  [...deliveries.values()]
    .filter(({ ends, taken }) => ends.some(end => end === codes.sent || end === codes.delivered) && taken === 0)
    .map(delivery => `${nameOf(delivery)} is called sent and arrived nowhere`)

/** Nothing arrived that the ledger did not order. */
const unasked: Check = (_, { strays }) => strays

/**
 * A delivery is sent at most once for each time it was claimed, and arrives again only after an interruption; an item
 * of the inbox is there once.
 */
const duplicated: Check = (_, { deliveries }) =>
  [...deliveries.values()]
    .filter(({ channel, requests, taken, claims, interrupted }) =>
      channel === 'in_app' ? taken > 1 : requests > claims || taken > 1 + interrupted,
    )
    .map(
      delivery =>
        `${nameOf(delivery)} was sent ${Math.max(delivery.requests, delivery.taken)} times in ${delivery.claims} claims, ${delivery.interrupted} of them interrupted`,
    )

/** Windows are longer than a run: a person gets exactly as many as the limit, or as there were. */
const throttled: Check = ({ told, erased }, book) => {
  const arrived = arrivedOf(book)
  const sentences: string[] = []
  for (const [key, intents] of byPerson(told, type => (facts[type]!.throttle === undefined ? undefined : ''))) {
    const [type, recipient] = key.split(' ') as [string, string]
    const got = intents.filter(intent => arrived.has(`${intent} ${recipient}`)).length
    const due = Math.min(facts[type]!.throttle!, intents.length)
    if (got > due || (got < due && !erased.has(recipient)))
      sentences.push(`${recipient} got ${got} of ${type}, the window lets ${due} of ${intents.length} through`)
  }
  return sentences
}

/** Of the same thing a person gets the first, and others only where they had happened before what opened the window. */
const deduplicated: Check = ({ told, erased }, book) => {
  const arrived = arrivedOf(book)
  const sentences: string[] = []
  for (const [key, intents] of byPerson(told, (type, about) => (facts[type]!.deduped ? about : undefined))) {
    const recipient = key.split(' ')[1]!
    if (erased.has(recipient)) continue
    const inOrder = intents.toSorted((a, b) => told.get(a)!.occurredAt - told.get(b)!.occurredAt)
    const got = inOrder.map(intent => arrived.has(`${intent} ${recipient}`))
    if (!got[0] || got.lastIndexOf(true) !== got.filter(Boolean).length - 1)
      sentences.push(`of ${key} arrived ${got.map(Number).join('')}, in order of what happened`)
  }
  return sentences
}

/** Nothing reaches somebody who said no in time. */
const wishes: Check = ({ requests, owners, erased, graceMs }) =>
  requests
    .filter(({ address, at }) => {
      const since = erased.get(owners.get(address) ?? '')
      return since !== undefined && Date.parse(at) > since + graceMs
    })
    .map(
      ({ provider, address, at }) => `${provider} was asked at ${at} to reach ${owners.get(address)}, who was erased`,
    )

/** No end denies what arrived, whoever had sent it; and analysts are told what the ledger says, once. */
const mistold: Check = ({ events, slots }, { deliveries }) => {
  const keyOf = (one: { batch: string; intent: string; recipient: string; endpoint: string }) =>
    [one.batch, one.intent, one.recipient, one.endpoint].join(' ')
  const told = Map.groupBy(events, keyOf)
  const denied = [...deliveries.values()].filter(
    ({ ends, taken }) => taken > 0 && ends.length > 0 && !ends.some(end => mayArrive.includes(end)),
  )
  const otherwise = slots.filter(slot => {
    if (slot.endpoint === '' || slot.outcome === null) return false
    const [event, ...more] = told.get(keyOf(slot)) ?? []
    return event === undefined || more.length > 0 || event.what !== words[slot.outcome]
  })
  return [
    ...denied.map(delivery => `${nameOf(delivery)} arrived and its end says that it was not sent`),
    ...otherwise.map(
      slot => `the end of ${slot.intent} for ${slot.recipient} in ${slot.batch} is told otherwise than it is`,
    ),
  ]
}

/** All count for analysts what the ledger says was accepted, and that is what the simulators' logs and the inbox say arrived. */
const miscounted: Check = ({ counts }, { deliveries, refusals }) => {
  const books = { intended: new Set(refusals.keys()), accepted: new Set<string>(), arrived: new Set<string>() }
  for (const { intent, recipient, channel, ends, taken } of deliveries.values()) {
    const key = `${intent} ${recipient} ${channel}`
    books.intended.add(key)
    if (ends.includes(codes.sent) || ends.includes(codes.delivered)) books.accepted.add(key)
    // What we call in doubt may have arrived: nobody can know it, and the funnel says so.
    if (taken > 0 && !ends.every(end => end === codes.inDoubt)) books.arrived.add(key)
  }
  return channelNames.flatMap(channel => {
    const countOf = (keys: Set<string>) => [...keys].filter(key => key.endsWith(` ${channel}`)).length
    const [intended, accepted, arrived] = [books.intended, books.accepted, books.arrived].map(countOf)
    return [...counts].flatMap(([who, byChannel]) => {
      const told = byChannel.get(channel) ?? { intended: 0, accepted: 0 }
      return told.intended === intended && told.accepted === accepted && accepted === arrived
        ? []
        : [
            `of ${channel} ${who} have ${told.intended} intended and ${told.accepted} accepted, the ledger ${intended} and ${accepted}, and ${arrived} arrived`,
          ]
    })
  })
}

const arrivedOf = ({ deliveries }: Book): Set<string> =>
  new Set([...deliveries.values()].filter(one => one.taken > 0).map(one => `${one.intent} ${one.recipient}`))

/** Intents by type, recipient and what `groupOf` says; undefined leaves them out. */
function byPerson(
  told: Evidence['told'],
  groupOf: (type: string, about: string) => string | undefined,
): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [intent, { type, about, recipients }] of told) {
    const group = groupOf(type, about)
    if (group === undefined) continue
    for (const recipient of recipients) {
      const key = `${type} ${recipient} ${group}`
      groups.set(key, [...(groups.get(key) ?? []), intent])
    }
  }
  return groups
}
