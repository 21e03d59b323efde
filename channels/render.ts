import { armOf } from '#contracts/arms.ts'
import type { Catalogue, ContentOf } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { sentence, type Why } from '#contracts/decision.ts'
import { attemptId, deliveryId } from '#contracts/ids.ts'
import type { ClaimedBatch } from '#ledger/batch.ts'
import type { Log } from '#runtime/log.ts'
import { receiptTokens } from './attempt-token.ts'
import { type ContentRules, sendable } from './content.ts'
import type { OutMessage } from './provider.ts'
import type { Target } from './recheck.ts'
import { templateFault } from './template-fault.ts'
import { placesOf } from './told-as-one.ts'

/** `addressKey`: the installation's secret, by which devices are known. `segmentsOf`, `faultIn`: of its provider. */
type RenderDeps = { catalogue: Catalogue; log: Log; addressKey: string } & Omit<ContentRules, 'type'>

/**
 * Makes the messages of a batch: each (intent, language, arm) is rendered once and shared. A template that throws costs its
 * own slots only (`failed`, by place) and is named once in the log; what it throws may hold data and is told nowhere.
 */
export function render(
  batch: ClaimedBatch,
  targets: readonly Target[],
  deps: RenderDeps,
): { messages: OutMessage[]; failed: Failed[] } {
  const contents = new Map<object, Map<string, Rendered>>()
  const armed = batch.intents.some(intent => deps.catalogue.types.get(intent.type)?.arms)
  const isMail = batch.channel === 'email'
  const receipt = batch.channel === 'push' ? receiptTokens(batch.id, deps.addressKey) : undefined
  const messages: OutMessage[] = []
  const failed: Failed[] = []
  for (const target of targets) {
    const { place, recipient, intent, endpoint, locale = '', digest, others, reason } = target
    let byLocale = contents.get(digest ?? intent)
    if (!byLocale) contents.set(digest ?? intent, (byLocale = new Map()))
    const arm = armed ? armOf(deps.catalogue.types.get(intent.type)!, recipient) : undefined
    const wish = arm === undefined ? locale : `${locale} ${arm}`
    let said = byLocale.get(wish)
    if (said === undefined) byLocale.set(wish, (said = rendered({ target, arm, batch, byLocale }, deps)))
    if ('failed' in said) {
      const why = said.failed
      failed.push(...placesOf(target).map(place => ({ place, why })))
      continue
    }
    const categories = isMail ? switchable(target, deps.catalogue) : undefined
    const attempt = attemptId({ batch: batch.id, slot: place })
    messages.push({
      ...{ place, recipient, endpoint, intent, ...said, attemptId: attempt },
      ...(others && { others }),
      ...(categories && { categories }),
      ...(reason && { reason }),
      deliveryId: deliveryId({ intent: intent.id, recipient, endpoint: endpoint.id }),
      ...(receipt && { receipt: receipt(place) }),
    })
  }
  return { messages, failed }
}

type Failed = { place: number; why: Why }
type Rendered = { content: ContentOf[Channel]; locale: string } | { failed: Why }
type Wanted = {
  target: Target
  arm: string | undefined
  batch: ClaimedBatch
  byLocale: Map<string, Rendered>
}

function rendered({ target, arm, batch, byLocale }: Wanted, deps: RenderDeps): Rendered {
  const { catalogue, log, segmentsOf, faultIn } = deps
  const { intent, locale: wish = '', digest } = target
  const shared = intent.digest?.into === undefined ? undefined : catalogue.digests.get(intent.digest.into)
  const { templates } = shared ?? catalogue.types.get(intent.type)!
  const locale = localeFor(wish, Object.keys(templates))
  const key = arm === undefined ? locale : `${locale} ${arm}`
  const known = byLocale.get(key)
  if (known !== undefined) return known
  const { actor, thread, tenant } = intent
  const input = {
    locale,
    ...(actor !== undefined && { actor }),
    ...(thread !== undefined && { thread }),
    ...(tenant !== undefined && { tenant }),
    // The arms of the type that the template is of.
    arm: arm as never,
    ...(digest && { digest: { count: digest.count, items: digest.items as never } }),
  }
  // The schema has proved the data at the producer.
  const template = (data: object) => templates[locale]![batch.channel]!({ ...input, data: data as never })
  let said: Rendered
  try {
    const type = catalogue.types.get(intent.type)!
    const content = sendable(batch.channel, template(intent.data), {
      type,
      ...(segmentsOf && { segmentsOf }),
      ...(faultIn && { faultIn }),
    })
    said = { content, locale }
  } catch (error) {
    const of = shared?.name ?? intent.type
    const why = templateFault({ of, channel: batch.channel, locale, error, data: intent.data, again: template })
    const kind = error instanceof Error ? error.name : typeof error
    log.error({ type: intent.type, channel: batch.channel, intent: intent.id, kind }, sentence(why))
    said = { failed: why }
  }
  byLocale.set(key, said)
  return said
}

/** What a mail is about, with all that is told by it; undefined where nothing of it can be switched off. */
function switchable({ intent, others = [] }: Target, { types }: Catalogue): string[] | undefined {
  const told = others.length > 0 ? [intent, ...others.map(one => one.intent)] : [intent]
  const free = told.filter(({ type }) => !types.get(type)!.mandatory)
  return free.length > 0 ? [...new Set(free.map(({ category }) => category))] : undefined
}

/** The person's language among those that there are: `de-AT`, else `de`, else the type's first (BCP 47 look-up, RFC 4647 §3.4). */
export function localeFor(wish: string, locales: readonly string[]): string {
  for (let range = wish; range !== ''; range = range.slice(0, Math.max(0, range.lastIndexOf('-'))))
    if (locales.includes(range)) return range
  return locales[0]!
}
