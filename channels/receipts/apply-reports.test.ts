import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressHash } from '#preferences/preferences.ts'
import { createWorld, mailbox } from '../world.fixture.ts'
import { applyReports } from './apply-reports.ts'
import { keepReports } from './receipt-store.ts'

test('who applies reports takes those that nobody else has, and learns from no others', async () => {
  await using world = await createWorld()
  const { db, deps } = world
  for (const id of ['anna', 'ben']) {
    await world.addPerson(id, { endpoints: [mailbox(`${id}@mail.example`)] })
    const to = [{ recipient: id, endpoint: 'mail', key: id }]
    const [batch] = await world.write({ channel: 'email', provider: 'sendgrid', to })
    const hash = addressHash(deps.addressKey, { channel: 'email', address: `${id}@mail.example` })
    await keepReports(db, [
      { attempt: `${batch!.id}.0`, provider: 'sendgrid', hash, event: id, body: { id, event: 'spamreport' } },
    ])
  }
  const learned = async () => {
    const rows = await db.query<{ id: string }>(
      `select id from recipients where endpoints like '%"suppressed"%' order by id`,
    )
    return rows.map(row => row.id)
  }
  const lost = db.transaction(async tx => {
    await tx.query(`select from receipts where event = 'anna' for update`)
    assert.equal(await applyReports(deps), false)
    assert.deepEqual(await learned(), ['ben'])
    throw new Error('it was lost')
  })
  await assert.rejects(lost, /it was lost/)
  await applyReports(deps)
  assert.deepEqual(await learned(), ['anna', 'ben'])
})
