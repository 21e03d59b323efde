import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { owners } from '#db/schema.ts'
import { clockReads, emptyFileNames, environmentReads, foreignWrites, tooLong } from './file-rules.ts'
import { forbiddenImports, rings } from './import-rules.ts'
import { readSource } from './source.ts'
import { lockfileProblems, strayEntries } from './tree-rules.ts'

const root = path.join(import.meta.dirname, '..', '..')
const manifest = readJson('package.json')
const borders = Object.fromEntries(
  Object.entries<string>(manifest.imports).map(([from, to]) => [
    from.slice(0, -'/*'.length),
    to.slice('./'.length, -'/*'.length),
  ]),
)
const files = globSync('{analytics,channels,infra,preferences,producers,router}/**/*.{ts,mts,js,mjs,cjs}', {
  cwd: root,
})
const sources = files.map(file =>
  readSource(file.replaceAll(path.sep, '/'), readFileSync(path.join(root, file), 'utf8')),
)

const rules = {
  'imports are those that the table allows': () => forbiddenImports(sources, borders),
  'no ring of imports crosses folders': () => rings(sources, borders),
  'files and functions are short': () => tooLong(sources),
  'files are named for what they hold': () => emptyFileNames(sources),
  'the environment is read in one place': () => environmentReads(sources),
  'the wall clock is read in one place': () => clockReads(sources),
  'a table is written only by the module that owns it': () => foreignWrites(sources, owners),
  'the root is clear': () => strayEntries(readdirSync(root)),
  'npm ci accepts the lockfile anywhere': () => lockfileProblems(manifest, readJson('package-lock.json')),
}
for (const [name, rule] of Object.entries(rules))
  test(name, () => {
    const problems = rule()
    assert.ok(problems.length === 0, problems.join('\n'))
  })

test('the whole tree was looked at', () => {
  for (const folder of ['infra/contracts/', 'infra/ledger/', 'router/', 'producers/sdk/'])
    assert.ok(
      sources.some(source => source.path.startsWith(folder) && source.imports.length > 0),
      folder,
    )
})

function readJson(file: string) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'))
}
