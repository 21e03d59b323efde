import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const root = path.join(import.meta.dirname, '..', '..')
const pages = globSync(['*.md', '{analytics,channels,infra,preferences,producers,router}/**/*.md'], { cwd: root })
const textOf = (page: string) => readFileSync(path.join(root, page), 'utf8')
const withoutCode = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '``')

test('every link leads to a file that exists, and to a heading of it', () => {
  const broken = pages.flatMap(page =>
    [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^https?:/.test(link!)) return []
      const [to, heading] = link!.split('#') as [string, string?]
      const file = to === '' ? page : path.join(path.dirname(page), to)
      if (!existsSync(path.join(root, file))) return [`${page}: ${link}`]
      return heading === undefined || headingsOf(file).includes(heading) ? [] : [`${page}: ${link} has no such heading`]
    }),
  )
  assert.ok(pages.length > 10)
  assert.deepEqual(broken, [])
})

test('every command that a page names exists', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const help = execFileSync(process.execPath, [path.join(root, 'infra/cli/main.ts'), 'help'], { encoding: 'utf8' })
  const commands = ['help', ...[...help.matchAll(/^ {2}([\w-]+) {2}/gm)].map(match => match[1]!)]
  const unknown = pages.flatMap(page => {
    const text = textOf(page)
    const named = [
      ...[...text.matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)].map(
        match => [match[1]!, Object.keys(scripts)] as const,
      ),
      ...[...text.matchAll(/\bnpm (start|test)\b/g)].map(match => [match[1]!, Object.keys(scripts)] as const),
      ...[...text.matchAll(/(?:carillon -- |`carillon )([a-z-]*[a-z])/g)].map(match => [match[1]!, commands] as const),
    ]
    return named.filter(([name, known]) => !known.includes(name)).map(([name]) => `${page}: ${name}`)
  })
  assert.ok(commands.includes('replay'))
  assert.deepEqual(unknown, [])
})

/** As GitHub names them. */
const headingsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/^#+ (.+)$/gm)].map(match =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
