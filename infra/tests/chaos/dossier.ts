import type { Evidence } from './oracle.ts'

const namesMax = 3
const linesMax = 60
const uuid = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/
const person = /\br\d+\b/

/**
 * What the evidence holds on the first intents (or, where none is named, people) that the sentences of broken checks
 * name: rows of the ledger, events, items of the inbox, and requests, one line for each.
 */
export function dossierOf(evidence: Evidence, sentences: readonly string[]): string[] {
  const named = sentences.flatMap(sentence => uuid.exec(sentence)?.[0] ?? person.exec(sentence)?.[0] ?? [])
  return [...new Set(named)].slice(0, namesMax).flatMap(name => [`--- ${name}`, ...linesOn(evidence, name)])
}

function linesOn({ told, slots, events, inbox, requests, owners, erased }: Evidence, name: string): string[] {
  const about = (one: { intent: string; recipient: string }) => one.intent === name || one.recipient === name
  const rows = slots.filter(about)
  const people = new Set(rows.map(row => row.recipient))
  const attempts = new Set(rows.map(row => `${row.batch}.${row.slot}`))
  const asked = requests.filter(({ attemptId, address }) =>
    attemptId === undefined ? people.has(owners.get(address) ?? '') : attempts.has(attemptId),
  )
  const lines = [
    ...[told.get(name)].filter(known => known !== undefined).map(known => ['published', known]),
    ...[...people].filter(id => erased.has(id)).map(id => ['erased', id, erased.get(id)]),
    ...rows.map(row => ['row', row]),
    ...events.filter(about).map(event => ['event', event]),
    ...inbox.filter(about).map(item => ['inbox', item]),
    ...asked.map(request => ['request', request]),
  ].map(parts => parts.map(part => (typeof part === 'string' ? part : JSON.stringify(part))).join(' '))
  return lines.length > linesMax ? [...lines.slice(0, linesMax), `and ${lines.length - linesMax} more lines`] : lines
}
