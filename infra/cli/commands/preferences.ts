import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { parseChoicesPatch } from '#preferences/choices.ts'
import { effectiveOf } from '#preferences/effective.ts'
import { readPeople } from '#preferences/preferences.ts'
import type { Parsed } from '#preferences/profile.ts'
import { parseTenant } from '#preferences/tenant-api.ts'
import { putTenant, readTenant } from '#preferences/tenant-store.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { CommandError } from '../command.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon preferences`. */
export async function runPreferences(args: string[]): Promise<number> {
  const { name: user, set: patch } = await read(args, { what: 'person', parse: parseChoicesPatch })
  await using db = await visitDatabase()
  const now = systemClock.now()
  if (patch) {
    const chosen = await changeChoices({ db, now }, user, patch)
    if (chosen.kind === 'refused') throw new CommandError(linesOf(chosen.problems))
    if (chosen.kind !== 'chosen') throw new CommandError(`${user} was erased`, 1)
  }
  const person = (await readPeople(db, [user])).get(user)!
  const { effective: _, ...preferences } = effectiveOf(person, { categories: [], at: now })
  console.log(JSON.stringify(preferences, undefined, 2))
  return 0
}

/** `carillon tenant`. */
export async function runTenant(args: string[]): Promise<number> {
  const { name: id, set: tenant } = await read(args, { what: 'tenant', parse: parseTenant })
  await using db = await visitDatabase()
  if (tenant) await putTenant(db, { id, tenant, now: systemClock.now() })
  console.log(JSON.stringify(await readTenant(db, id), undefined, 2))
  return 0
}

type Parse<T> = (body: unknown, categories: readonly string[]) => Parsed<T>

/** Whom it is about, and what is to be set, checked as the API checks it. */
async function read<T>(args: string[], { what, parse }: { what: string; parse: Parse<T> }) {
  const options = { set: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const [name, ...rest] = positionals
  if (!isName(name) || rest.length > 0) throw new CommandError(`name one ${what}`)
  if (values.set === undefined) return { name }
  const { types } = (await catalogueFrom(readConfig())).catalogue
  const parsed = parse(jsonOf(values.set), [...new Set([...types.values()].map(type => type.category))])
  if (!parsed.ok) throw new CommandError(linesOf(parsed.problems))
  return { name, set: parsed.value }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError('--set must be JSON')
  }
}

const linesOf = (problems: readonly { pointer: string; detail: string }[]): string =>
  problems.map(({ pointer, detail }) => `--set${pointer === '#' ? '' : ` ${pointer.slice(2)}`}: ${detail}`).join('; ')
