import type { EpochMs, IntentId, RecipientId } from '#contracts/ids.ts'
import type { Intent, To } from '#contracts/intent.ts'
import { countMembers, keepContacts, type Person, readPeople, type RecipientStore } from '#preferences/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { AdmittedIntent } from './admit.ts'
import { countedTo } from './policies/quarantine.ts'

/** Everything that deciding needs to know besides the windows, read before the transaction. */
export type Facts = {
  people: ReadonlyMap<string, Person>
  /** Inline contacts, stored as recipients: `contact` text to recipient id. */
  contacts: ReadonlyMap<string, string>
  /** Members of the audiences of an intent, counted no further than may matter. Without audiences: none. */
  members?: ReadonlyMap<IntentId, number>
}

/** Reads the people of a whole set at once; stores inline contacts first, so that from here on only ids travel. */
export async function gather(store: RecipientStore, intents: readonly AdmittedIntent[]): Promise<Facts> {
  const inline = intents.flatMap(({ intent }) => intent.to.filter(to => to.kind === 'contact'))
  const ids = inline.length > 0 ? await keepContacts(store, inline) : []
  const contacts = new Map(inline.map((to, at) => [JSON.stringify(to.contact), ids[at]!]))
  const recipients = new Set(ids)
  for (const { intent } of intents) for (const to of intent.to) if (to.kind === 'recipient') recipients.add(to.id)
  return {
    people: await readPeople(
      store.db,
      [...recipients],
      intents.map(one => one.intent),
    ),
    contacts,
    members: await countedMembers(store.db, intents),
  }
}

/** How many members the audiences of intents have, as far as they are counted before they are read. */
export async function countedMembers(
  db: Queryable,
  intents: readonly Pick<AdmittedIntent, 'intent' | 'entry'>[],
): Promise<ReadonlyMap<IntentId, number>> {
  const members = new Map<IntentId, number>()
  for (const one of intents) {
    const audiences = audiencesOf(one.intent).map(named => named.audience)
    if (audiences.length === 0) continue
    members.set(one.intent.id, await countMembers(db, { audiences, limit: countedTo(one.entry) }))
  }
  return members
}

export type NamedRecipient = { id: RecipientId; reason?: string }

/** The people that an intent names itself, each once (the first reason counts), never its own actor. */
export function recipientsOf(intent: Intent, facts: Facts): NamedRecipient[] {
  const named = new Map<string, NamedRecipient>()
  for (const to of intent.to) {
    const id = recipientIdOf(to, facts)
    if (id === undefined || id === intent.actor || named.has(id)) continue
    named.set(id, { id: id as RecipientId, ...(to.reason !== undefined && { reason: to.reason }) })
  }
  return [...named.values()]
}

function recipientIdOf(to: To, facts: Facts): string | undefined {
  switch (to.kind) {
    case 'recipient':
      return to.id
    case 'contact':
      return facts.contacts.get(JSON.stringify(to.contact))
    case 'audience':
      return undefined
    default:
      return to satisfies never
  }
}

export const audiencesOf = (intent: Intent): { audience: string; reason?: string }[] =>
  intent.to.flatMap(to =>
    to.kind === 'audience' ? [{ audience: to.audience, ...(to.reason !== undefined && { reason: to.reason }) }] : [],
  )

/** When an intent is decided: now, or in a replay when it happened. */
export const instantOf = (
  intent: { occurredAt: EpochMs },
  { now, trustEventTime }: { now: EpochMs; trustEventTime: boolean },
): EpochMs => (trustEventTime ? intent.occurredAt : now)
