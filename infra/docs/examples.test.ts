import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'

const root = path.join(import.meta.dirname, '..', '..')
/** What the short example in `producers` leaves out, because it is said around it. */
const around = `
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { commentCreated } from '#producers/catalogue/social.ts'
import { createNotifier } from '#producers/sdk/notifier.ts'
declare const projectId: string
const data = { commentId: '991', author: 'Ada', title: 'Bells', excerpt: 'Nice.', url: 'https://docs.example/991' }
`

test('the examples of the SDK compile', async () => {
  await using folder = await temporaryFolder()
  symlinkSync(path.join(root, 'node_modules'), path.join(folder.path, 'node_modules'))
  writeFileSync(path.join(folder.path, 'readme.mts'), exampleOf('README.md'))
  writeFileSync(path.join(folder.path, 'producers.mts'), inRoot(around) + exampleOf('producers/README.md'))
  writeFileSync(
    path.join(folder.path, 'tsconfig.json'),
    JSON.stringify({ extends: path.join(root, 'tsconfig.json'), include: ['*.mts'] }),
  )
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', folder.path, '--pretty', 'false'], {
    encoding: 'utf8',
    timeout: 300_000,
  })
  const complaints = run.stdout.split('\n').filter(line => /^(readme|producers)\.mts/.test(path.basename(line)))
  assert.deepEqual(complaints, [])
  assert.equal(run.status, 0, run.stdout + run.stderr)
})

/** The page's first block of TypeScript. */
function exampleOf(page: string): string {
  const block = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(path.join(root, page), 'utf8'))?.[1]
  assert.ok(block, `${page} has no example`)
  return inRoot(block)
}

const inRoot = (code: string): string =>
  code.replaceAll(`'#contracts/`, `'${root}/infra/contracts/`).replaceAll(`'#producers/`, `'${root}/producers/`)
