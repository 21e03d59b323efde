import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeChoices } from './choice-store.ts'
import { purgeContacts } from './contact-store.ts'
import { createStores } from './store.fixture.ts'

const ann = { contact: { email: 'ann@mail.example' } }

test('who chose something before anybody named them as a contact is reached when that happens', async () => {
  await using stores = await createStores()
  const { db } = stores
  const [id] = (await stores.keep(1, ann)) as [string]
  assert.equal(await purgeContacts(db, { before: 2 }), false)
  await changeChoices({ db, now: 3 }, id, { categories: { social: { email: false } } })
  assert.deepEqual(await stores.endpoints(id), [])
  await stores.keep(4, ann)
  assert.deepEqual(await stores.endpoints(id), ['email/contact active'])
  const { choices } = await stores.person(id)
  assert.deepEqual(choices, { categories: { social: { email: false } } }, 'and what was chosen counts')
})
