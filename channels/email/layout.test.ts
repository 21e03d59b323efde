import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { compiledLayout } from '#tests/mail-layout.ts'
import { layoutFile, layoutOf, plainBrand } from './layout.ts'

const slots = { lang: 'de', preview: 'p', body: '<p>$& [[brand]]</p>', footer: 'f' }

test('the layout is what its MJML compiles to', async () => {
  const said = 'write it anew: node_modules/.bin/node infra/tests/mail-layout.ts'
  assert.equal(await readFile(layoutFile, 'utf8'), compiledLayout(), said)
})

test('opening a mail fetches nothing', async () => {
  assert.doesNotMatch(await readFile(layoutFile, 'utf8'), /(?:href|src)=|url\(|@import/)
})

test('every slot is filled, once, and what is filled in stays as it is', () => {
  const page = layoutOf(plainBrand)(slots)
  assert.ok(page.includes('<html lang="de"') && page.includes(`>${slots.body}<`))
  assert.doesNotMatch(page.replace(slots.body, ''), /\[\[|\]\]|undefined/)
})

test('a brand is text, and its colour is written on so that it can be read', () => {
  const page = layoutOf({ name: 'A <b> & "C"', colour: '#ffd54a', postal: '1 <i> St' })(slots)
  assert.ok(page.includes('A &lt;b&gt; &amp; &quot;C&quot; · 1 &lt;i&gt; St'))
  const inkOn = (colour: string) => /\.button a \{\s*color: (#\w+)/.exec(layoutOf({ name: '', colour })(slots))![1]
  assert.deepEqual(['#ffd54a', '#4338ca', '#ffffff', '#000000'].map(inkOn), [
    '#000000',
    '#ffffff',
    '#000000',
    '#ffffff',
  ])
})
