import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Html } from '#contracts/catalogue.ts'
import { html } from './html.ts'

test('what is filled in stands as text', () => {
  assert.equal(
    html`<p title="${'"x" onload='}">${'<script>'}</p>`.html,
    '<p title="&quot;x&quot; onload=">&lt;script&gt;</p>',
  )
  assert.equal(html`${1} ${'a & b'} ${"it's"} ${'`'}`.html, '1 a &amp; b it&#39;s &#96;')
})

test('html inside html stays html, also in lists; nothing gives nothing', () => {
  const items = ['a', '<b>'].map(item => html`<i>${item}</i>`)
  assert.equal(html`<p>${items}${false}${null}${undefined}</p>`.html, '<p><i>a</i><i>&lt;b&gt;</i></p>')
})

test('data that only looks like html is no html', () => {
  const forged = JSON.parse('{"html":"<script>"}') as Html
  assert.throws(() => html`${forged}`, /only texts, numbers/)
})

test('no text gets out of its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      const { html: result } = html`<i>${text}</i>`
      assert.doesNotMatch(result.slice(3, -4), /[<>"'`]/)
      const back = result.slice(3, -4).replace(/&(amp|lt|gt|quot|#39|#96);/g, entity => entityOf[entity]!)
      assert.equal(back, text)
    }),
  )
})

const entityOf: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#96;': '`',
}
