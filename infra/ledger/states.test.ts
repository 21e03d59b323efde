import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { owners } from '#db/schema.ts'

/** `states.md` shows every change of state as a row: from → to, and the function that makes it. */
const page = readFileSync(path.join(import.meta.dirname, '..', 'docs', 'states.md'), 'utf8')
const sections = page.split(/^## /m).slice(1)

test('states.md names the functions that change the ledger, endpoints and prunes, all of them and no others', () => {
  const shown = sections.flatMap(section => arrowsOf(section).map(arrow => arrow.by))
  assert.deepEqual([...new Set(shown)].sort(), areas.flatMap(writersIn).sort())
})

test('every state that an arrow leads to or from is explained, and no other', () => {
  for (const section of sections) {
    const explained = [...section.matchAll(/^- \*\*(.+?)\*\*/gm)].map(match => match[1]!)
    const used = new Set(arrowsOf(section).flatMap(({ from, to }) => [from, to]))
    used.delete('new')
    assert.deepEqual(explained.sort(), [...used].sort(), section.split('\n')[0]!)
  }
})

const arrowsOf = (section: string): { from: string; to: string; by: string }[] =>
  [...section.matchAll(/^\| (.+?) → (.+?) \| \[`(\w+)`\]\((?:\.\.\/)+(ledger|preferences)\/([a-z-]+\.ts)\) \|/gm)].map(
    ([, from, to, name, area, file]) => ({ from: from!, to: to!, by: `${area}/${file} ${name}` }),
  )

const tables = Object.entries(owners).flatMap(([table, owner]) => (owner === 'infra/ledger' ? [table] : []))
const writes = (of: readonly string[]) => String.raw`\b(insert into|update|delete from)\s+(${of.join('|')})\b`

/** Where the states of this page are, and what in the text of a function writes them. */
type Area = { folder: string; write: RegExp; but?: string }
const areas: readonly Area[] = [
  { folder: import.meta.dirname, write: new RegExp(writes(tables)) },
  {
    folder: path.join(import.meta.dirname, '..', '..', 'preferences'),
    // Endpoints are a column of their people, which most change through `rewriteEndpoints`.
    write: new RegExp(
      [writes(['prunes']), `'prunes'`, 'rewriteEndpoints\\(', '\\bset\\b[^`]*\\bendpoints = '].join('|'),
    ),
    but: 'endpoint-rows.ts',
  },
]

const writersIn = (area: Area): string[] =>
  readdirSync(area.folder)
    .filter(file => /^[a-z-]+\.ts$/.test(file) && file !== area.but)
    .flatMap(file => writersOf(area, file))

/** The exported functions of a file that write what its area says, themselves or by a private part of the file. */
function writersOf({ folder, write }: Area, file: string): string[] {
  const text = readFileSync(path.join(folder, file), 'utf8')
  const starts = [...text.matchAll(/^(export )?(?:async )?(?:function\*?|const|type) (\w+)/gm)]
  const parts = starts.map((start, at) => ({
    name: start[2]!,
    exported: start[1] !== undefined,
    text: text.slice(start.index, starts[at + 1]?.index),
  }))
  // Of two private parts that name each other each is asked once.
  const isWriter = (part: (typeof parts)[number], asked: ReadonlySet<object> = new Set()): boolean =>
    write.test(part.text) ||
    parts.some(
      other =>
        other !== part &&
        !asked.has(other) &&
        !other.exported &&
        new RegExp(String.raw`\b${other.name}\b`).test(part.text) &&
        isWriter(other, new Set([...asked, part])),
    )
  const area = path.basename(folder)
  return parts.filter(part => part.exported && isWriter(part)).map(part => `${area}/${file} ${part.name}`)
}
