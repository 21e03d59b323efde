import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { benchSection, type Figures, figuresFile, readmeFile, readmeText } from './write-figures.ts'

test('the figures in the README are those that the benchmark wrote', async t => {
  const said = existsSync(readmeFile) ? benchSection(await readFile(readmeFile, 'utf8')) : undefined
  if (said === undefined) return t.skip('the README has no place for figures')
  const figures = JSON.parse(await readFile(figuresFile, 'utf8')) as Figures
  assert.equal(said, readmeText(figures), 'run `npm run bench -- --write`')
})
