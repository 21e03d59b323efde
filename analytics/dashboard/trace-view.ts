import { html, nothing, type TemplateResult } from 'lit-html'
import type { ToldTrace } from '../trace-api.ts'
import { codeLink, meaningOf } from './meaning-link.ts'
import { scrollTable } from './table.ts'
import { withRemovals } from './trace-order.ts'
import { searchOf, type Subject } from './trace-subject.ts'
import { sentenceIn, timeIn } from './when.ts'

/** A trace: a card for each intent, in it what went to each person on each channel, in order; then what is of all of it. */
export function traceView(trace: ToldTrace, subject: Subject): TemplateResult {
  const { refused, open, retraction, quarantine, expanding, more, addresses } = trace
  const entries = [...refused, ...withRemovals(trace), ...open] as Entry[]
  const ofAll = [...(retraction ? [retraction] : []), ...(quarantine ? [quarantine] : [])].toSorted((a, b) =>
    a.at < b.at ? -1 : 1,
  )
  return html`
    ${narrowedTo(subject)}
    ${[...Map.groupBy(entries, ({ intent }) => intent)].map(([intent, all]) => intentCard(intent, all, subject))}
    ${
      ofAll.length + (expanding === undefined ? 0 : 1) > 0
        ? html`<section class="card trace" aria-label="Besides">
            <ul class="besides">
              ${ofAll.map(({ at, sentence }) => html`<li>${timeIn(at, subject.zone)} ${sentenceIn(sentence, subject.zone)}</li>`)}
              ${
                expanding === undefined
                  ? nothing
                  : html`<li>Its audience is not all told yet: ${expanding.toLocaleString('en-GB')} people so far.</li>`
              }
            </ul>
          </section>`
        : nothing
    }
    ${addresses.length > 0 ? addressesCard(addresses) : nothing}
    ${more ? html`<p class="soft">There is more than is listed here. Ask for a person, or for a shorter time.</p>` : nothing}
  `
}

/** A line of any kind, as much of it as it has. */
type Entry = {
  intent: string
  sentence: string
  type?: string
  recipient?: string
  channel?: string
  at?: string
  until?: string
  kind?: string
  what?: string
  state?: string
  rule?: string
  endpoint?: string
  provider?: string
  simulated?: boolean
  duplicateOf?: string
}

function narrowedTo({ kind, recipient, endpoint, ...subject }: Subject): TemplateResult | typeof nothing {
  if (recipient === undefined) return nothing
  const what = endpoint === undefined ? 'this person' : 'this endpoint of the person'
  return html`<p class="status soft">
    Only what went to ${what}. <a href=${searchOf({ ...subject, kind })}>All of the intent</a>
  </p>`
}

function intentCard(intent: string, entries: readonly Entry[], subject: Subject): TemplateResult {
  const { zone } = subject
  const type = entries.find(entry => entry.type !== undefined)?.type
  const parts = Map.groupBy(entries, ({ recipient, channel }) => JSON.stringify([recipient, channel]))
  return html`<section class="card trace" aria-label="Intent of type ${type ?? 'unknown'}">
    <header>
      <h2>${type ?? 'Intent'}</h2>
      <p class="soft code"><a href=${searchOf({ kind: 'intent', of: intent, zone })}>${intent}</a></p>
    </header>
    ${[...parts.values()].map(
      lines =>
        html`<div class="part">
          <h3>${partName(lines[0]!, subject)}</h3>
          <ol class="lines">
            ${lines.map(line => lineOf(line, subject))}
          </ol>
        </div>`,
    )}
  </section>`
}

function partName({ intent, recipient, channel }: Entry, { kind, zone }: Subject): TemplateResult {
  if (recipient === undefined) return html`The message itself`
  const to: Subject =
    kind === 'recipient' ? { kind: 'intent', of: intent, recipient, zone } : { kind: 'recipient', of: recipient, zone }
  return html`<a href=${searchOf(to)}>${recipient}</a>
    <span class="chip-word">${channelNames[channel!] ?? channel}</span>`
}

const channelNames: Record<string, string> = { push: 'Push', sms: 'SMS', email: 'Email', in_app: 'In-app' }

/** What a line is, for people. */
function kindOf({ kind, state, what, recipient }: Entry): { name: string; tone: string } {
  if (state !== undefined) return { name: state === 'held' ? 'Hold' : 'Open', tone: 'open' }
  if (recipient === undefined) return { name: 'Message', tone: 'bad' }
  if (what === 'taken_off') return { name: 'Removal', tone: 'good' }
  if (kind === 'standing') return { name: 'Receipt', tone: what === 'delivered' ? 'good' : 'bad' }
  if (kind === 'engaged') return { name: 'Person', tone: 'good' }
  const tone = tones[what!] ?? 'bad'
  if (kind === 'settled') return { name: 'Attempt', tone }
  return { name: what === 'held' ? 'Hold' : 'Decision', tone }
}

const tones: Record<string, string> = {
  ...{ deliver: 'good', sent: 'good', delivered: 'good', digested: 'good' },
  ...{ held: 'open', moved: 'open', in_doubt: 'open' },
}

function lineOf(line: Entry, subject: Subject): TemplateResult {
  const { at, what, state, rule, sentence, provider, endpoint, simulated, duplicateOf, intent, recipient } = line
  const { zone } = subject
  const by = provider === endpoint ? undefined : provider
  const code = state ?? what ?? ''
  const { name, tone } = kindOf(line)
  return html`<li class=${tone}>
    <span class="when">${at === undefined ? html`<b>Now</b>` : timeIn(at, zone)}<span class="kind">${name}</span></span>
    <span class="said">
      <span class="sentence">${sentenceIn(sentence, zone)}</span>
      <span class="codes">
        ${codeLink(code, meaningOf(line))}
        ${rule === undefined || rule === code ? nothing : codeLink(rule, `rule-${rule}`)}
        ${by === undefined ? nothing : html`<span>by ${by}</span>`}
        ${
          endpoint === undefined || recipient === undefined
            ? nothing
            : html`<span
                >to <a href=${searchOf({ kind: 'intent', of: intent, recipient, endpoint, zone })}>${endpoint}</a></span
              >`
        }
        ${
          duplicateOf === undefined
            ? nothing
            : html`<a href=${searchOf({ kind: 'intent', of: duplicateOf, zone })}>The intent that it repeats</a>`
        }
        ${simulated ? html`<span>simulated</span>` : nothing}
      </span>
    </span>
  </li>`
}

const addressesCard = (addresses: ToldTrace['addresses']): TemplateResult =>
  html`<section class="card trace" aria-labelledby="addresses">
    <header>
      <h2 id="addresses">Addresses now</h2>
      <p class="soft">Masked. What they were when something was sent may be another matter.</p>
    </header>
    ${scrollTable({
      label: 'Addresses of the person',
      head: ['Endpoint', 'Channel', 'Provider', 'Address', 'State'],
      rows: addresses.map(
        ({ id, channel, provider, address, state }) =>
          html`<tr>
            <th scope="row">${id}</th>
            <td>${channelNames[channel] ?? channel}</td>
            <td>${provider}</td>
            <td>${address ?? '–'}</td>
            <td>${state}</td>
          </tr>`,
      ),
    })}
  </section>`
