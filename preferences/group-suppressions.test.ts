import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateAt } from './endpoint-state.ts'
import { groupReason } from './group-reason.ts'
import { markEndpoint } from './preferences.ts'
import { createStores, mailbox, type Stores } from './store.fixture.ts'
import { addSuppressions, listSuppressions } from './suppression-acts.ts'

const address = 'ann@mail.example'
const by = { now: 1, source: 'operator' } as const
const mark = ({ db, addressKey }: Stores, state: 'suppressed' | 'taken back', said: { reason: string; at: number }) =>
  markEndpoint({ db, addressKey }, [{ recipient: 'ann', endpoint: 'mail', channel: 'email', address, state, ...said }])
const leave = (stores: Stores, at: number, group = 7) => mark(stores, 'suppressed', { reason: groupReason(group), at })
const back = (stores: Stores, at: number, group = 7) => mark(stores, 'taken back', { reason: groupReason(group), at })

const tomorrow = () => Date.now() + 86_400_000
const suppressFor = ({ db, addressKey }: Stores, until: number) =>
  addSuppressions({ db, addressKey }, [{ channel: 'email', address, reason: 'manual', until }], by)

const out = 'suppressed for good'
const isIn = 'active'
const cases: { title: string; says: ((stores: Stores) => Promise<unknown>)[]; stands: string }[] = [
  {
    title: 'the last way back is remembered, whatever older one comes after it',
    says: [s => back(s, 10), s => back(s, 5), s => leave(s, 7)],
    stands: isIn,
  },
  {
    title: 'and whatever is said of another group',
    says: [s => back(s, 10), s => back(s, 12, 8), s => leave(s, 7)],
    stands: isIn,
  },
  {
    title: 'or what was said of the address and ended meanwhile',
    says: [s => back(s, 10), s => suppressFor(s, Date.now() - 1), s => leave(s, 7)],
    stands: isIn,
  },
  { title: 'who leaves after the way back is out', says: [s => back(s, 10), s => leave(s, 11)], stands: out },
  {
    title: 'what an operator says for a time does not end with a group that is left and joined again meanwhile',
    says: [s => suppressFor(s, tomorrow()), s => leave(s, 7), s => back(s, 10)],
    stands: out,
  },
  {
    title: 'but what was over when the group was left does not stay for it',
    says: [s => suppressFor(s, Date.now() - 1), s => leave(s, 7), s => back(s, 10)],
    stands: isIn,
  },
  {
    title: 'one that comes too late leaves what is said for a time as it is',
    says: [s => back(s, 10), s => suppressFor(s, tomorrow()), s => leave(s, 7)],
    stands: 'suppressed for a time',
  },
]

for (const { title, says, stands } of cases)
  test(title, async () => {
    await using stores = await createStores()
    await stores.upsert(1, { id: 'ann', endpoints: [mailbox(address, 'mail')] })
    for (const say of says) await say(stores)
    const mail = (await stores.person('ann')).endpoints.find(one => one.id === 'mail')!
    const state = stateAt(mail, Date.now())
    const lasts = state === 'active' ? '' : mail.until === undefined ? ' for good' : ' for a time'
    assert.equal(`${state}${lasts}`, stands)
    const { suppressions } = await listSuppressions(stores, { after: '', limit: 10 })
    assert.equal(suppressions.length, stands === isIn ? 0 : 1)
  })

/** The same stores, where something happens in the middle of the next act: before the first statement with these words. */
function meanwhile(stores: Stores, words: string, act: () => Promise<unknown>): Stores {
  let isDone = false
  const query: typeof stores.db.query = async (text, values) => {
    if (!isDone && text.includes(words)) {
      isDone = true
      await act()
    }
    return stores.db.query(text, values)
  }
  return { ...stores, db: { ...stores.db, query } }
}

test('a bounce that comes while the way back is told stands, for who has the address as for the address', async () => {
  await using stores = await createStores()
  await stores.upsert(1, { id: 'ann', endpoints: [mailbox(address, 'mail')] })
  await leave(stores, 7)
  await back(
    meanwhile(stores, 'for update', () => mark(stores, 'suppressed', { reason: 'bounce', at: 11 })),
    10,
  )
  assert.deepEqual(await stores.endpoints('ann'), ['email/mail suppressed'])
})

test('and a way back that comes while it is told who has left', async () => {
  await using stores = await createStores()
  await stores.upsert(1, { id: 'ann', endpoints: [mailbox(address, 'mail')] })
  await leave(
    meanwhile(stores, 'for update', () => back(stores, 10)),
    7,
  )
  assert.deepEqual(await stores.endpoints('ann'), ['email/mail active'])
})
