import { PubSub } from '@google-cloud/pubsub'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'

/** What a product service publishes: one message for each person. */
export type Notification = {
  id: string
  user: string
  channel: 'fcm' | 'apns' | 'in_app' | 'email' | 'sms'
  title: string
  body: string
}

/**
 * The consumer that a team writes by hand: for each message one SELECT for the preferences, one SET NX against doubles,
 * one job, then ack.
 */
export async function startBaselineRouter(options: {
  databaseUrl: string
  redisUrl: string
  projectId: string
  subscription: string
}) {
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 20 })
  const redis = new Redis(options.redisUrl, { maxRetriesPerRequest: null })
  const queues = new Map(
    ['fcm', 'apns', 'in_app', 'email', 'sms'].map(channel => [
      channel,
      new Queue(`baseline-${channel}`, { connection: redis }),
    ]),
  )
  const pubsub = new PubSub({ projectId: options.projectId })
  const subscription = pubsub.subscription(options.subscription, { flowControl: { maxMessages: 500 } })
  subscription.on('message', async message => {
    try {
      const notification = JSON.parse(message.data.toString()) as Notification
      const { rows } = await pool.query<{ address: string; enabled: boolean }>({
        name: 'preference',
        text: 'select address, enabled from baseline_users where id = $1 and channel = $2',
        values: [notification.user, notification.channel],
      })
      const user = rows[0]
      if (!user?.enabled) return message.ack()
      const first = await redis.set(`seen:${notification.id}`, '1', 'EX', 86_400, 'NX')
      if (first)
        await queues
          .get(notification.channel)!
          .add('send', { ...notification, address: user.address }, { removeOnComplete: true, attempts: 3 })
      message.ack()
    } catch {
      message.nack()
    }
  })
  return {
    async [Symbol.asyncDispose]() {
      await subscription.close()
      await pubsub.close()
      await Promise.all([...queues.values()].map(queue => queue.close()))
      redis.disconnect()
      await pool.end()
    },
  }
}
