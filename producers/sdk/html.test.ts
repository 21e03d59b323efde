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

test('it knows where every link stands and leads, escaped or not, also in parts', () => {
  const url = 'https://example.com/?a=1&b="2"'
  const part = html`<a href="${url}">there</a>`
  const whole = html`<a title="href" href="https://example.com/?c&amp;d">first</a>${[part, part]}`
  assert.deepEqual(
    whole.links!.map(link => link.url),
    ['https://example.com/?c&d', url, url],
  )
  for (const { at, length, url } of whole.links!) {
    const back = whole.html.slice(at, at + length).replace(/&(amp|quot);/g, entity => entityOf[entity]!)
    assert.equal(back, url)
    assert.equal(whole.html.slice(at - 6, at), 'href="')
    assert.equal(whole.html[at + length], '"')
  }
  assert.equal(html`<p>no link</p>`.links, undefined)
})

test('a link that could not be followed is a mistake of the template', () => {
  const id = '7'
  assert.throws(() => html`<a href="https://example.com/${id}">x</a>`, /one whole value/)
  assert.throws(() => html`<a href="${id}/x">x</a>`, /one whole value/)
  assert.throws(() => html`<a href=${id}>x</a>`, /one whole value/)
  // Spelled so that no formatter mends it.
  assert.throws(() => html(["<a href='", "'>x</a>"] as unknown as TemplateStringsArray, id), /one whole value/)
  assert.throws(() => html`<a href="${html`x`}">x</a>`, /one whole value/)
  assert.equal(html`<a data-href=${id}>x</a>`.html, '<a data-href=7>x</a>')
})

const entityOf: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#96;': '`',
}
