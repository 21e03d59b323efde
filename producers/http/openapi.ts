import type { Catalogue } from '#contracts/catalogue.ts'
import { channels } from '#contracts/channel.ts'
import { intentBytesMax, intentToMax } from '#contracts/intent.ts'
import { outcomes } from '#contracts/outcome.ts'
import {
  answer,
  instant,
  name,
  object,
  type OpenApi,
  type Operation,
  ref,
  refused,
  type Schema,
  text,
} from './openapi-parts.ts'
import { peoplePaths, peopleSchemas } from './openapi-people.ts'

/** The one description of the API: the document is served as it is, the page is made from it. */
export function openapiOf(catalogue: Catalogue): OpenApi {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Carillon',
      version: catalogue.version,
      description:
        'State an intent once; it reaches the right people on the right channels, and accounts for every one.',
    },
    paths: {
      '/v1/intents': { post: postIntent },
      '/v1/intents/simulate': { post: simulateIntent },
      '/v1/intents/retract': { post: retractIntent },
      '/v1/intents/{key}/status': { get: getStatus },
      ...peoplePaths(),
    },
    components: {
      schemas: { ...schemasOf(catalogue), ...peopleSchemas() },
      securitySchemes: {
        producerToken: {
          ...{ type: 'http', scheme: 'bearer' },
          description: 'Says who the producer is and, by its scopes, what it may do.',
        },
        personToken: {
          ...{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          description:
            'Says who the person is (ES256, at most 15 minutes), signed by the product’s back end. The link of a person’s page opens what the scope preferences does.',
        },
      },
    },
    security: [{ producerToken: ['intents'] }],
  }
}

const refusals = {
  '401': refused('No token, or one that is not known.'),
  '503': refused('Not stored, or nobody knows. Send it again with the same key after Retry-After seconds.'),
}

const postIntent: Operation = {
  operationId: 'postIntent',
  summary: 'State an intent',
  description:
    'Answers 202 when the intent is stored. The same key again is the same intent and notifies nobody twice.',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      description: 'The key of the intent, if it is not in the body. If it is in both, they must agree.',
      schema: { type: 'string' },
    },
  ],
  requestBody: { required: true, content: { 'application/json': { schema: ref('Intent') } } },
  responses: {
    '202': answer('Stored.', 'Accepted'),
    '400': refused('Not a JSON object.'),
    '403': refused('The token lacks the scope intents, or does not allow this type of the catalogue.'),
    '413': refused(`Longer than ${intentBytesMax} bytes.`),
    '415': refused('Not JSON.'),
    '422': refused(
      'Refused, with every problem, a type that is not in the catalogue among them; or the key was used for another intent.',
    ),
    ...refusals,
  },
}

const simulateIntent: Operation = {
  operationId: 'simulateIntent',
  summary: 'Ask what would become of an intent',
  description:
    'Takes what stating it takes, and refuses what that refuses. Stores nothing and tells nobody; whether the key was used before is not asked.',
  parameters: postIntent.parameters!,
  requestBody: { required: true, content: { 'application/json': { schema: ref('Intent') } } },
  responses: {
    '200': answer('What would be decided now.', 'Simulation'),
    '400': refused('Not a JSON object.'),
    '403': refused('The token lacks the scope intents, or does not allow this type.'),
    '413': refused(`Longer than ${intentBytesMax} bytes.`),
    '415': refused('Not JSON.'),
    '422': refused('Refused, with every problem.'),
    '401': refusals['401'],
    '503': refused('Nobody can be asked now. Ask again after Retry-After seconds.'),
  },
}

const retractIntent: Operation = {
  operationId: 'retractIntent',
  summary: 'Take an intent back',
  description:
    'Of the token’s producer, whether it has come by now or not: what was not sent yet will not be, and it leaves every inbox. Safe to repeat.',
  requestBody: { required: true, content: { 'application/json': { schema: ref('Retract') } } },
  responses: {
    '200': answer('Retracted, with what was found.', 'Retracted'),
    '400': refused('Not a JSON object.'),
    '403': refused('The token lacks the scope intents.'),
    '422': refused('Not a key.'),
    ...refusals,
  },
}

const getStatus: Operation = {
  operationId: 'getIntentStatus',
  summary: 'Ask what became of an intent',
  description: 'Only of the intents of the token’s producer. Changes nothing.',
  parameters: [
    { name: 'key', in: 'path', required: true, description: 'The key of the intent.', schema: { type: 'string' } },
  ],
  responses: {
    '200': answer('What is known.', 'Status'),
    '403': refused('The token lacks the scope intents.'),
    '404': refused('Not a key.'),
    ...refusals,
  },
}

const verdict: Record<string, Schema> = {
  channel: { enum: channels },
  verdict: { enum: ['deliver', 'held', ...outcomes], description: 'Of a refusal its outcome.' },
  rule: text,
}

const simulation = object(
  {
    lines: {
      type: 'array',
      description: 'One for each person and channel.',
      items: object({ recipient: name, reason: name, ...verdict, value: text, sentence: text }, [
        ...['recipient', 'channel', 'verdict', 'rule', 'sentence'],
      ]),
    },
    summary: {
      type: 'array',
      items: object({ ...verdict, n: { type: 'integer' } }, ['channel', 'verdict', 'rule', 'n']),
    },
    members: {
      ...object({ n: { type: 'integer' }, shown: { type: 'integer' }, more: { type: 'boolean' } }, [
        ...['n', 'shown', 'more'],
      ]),
      description: 'Of its audiences: how many (or more), and how many of them have lines.',
    },
  },
  ['lines', 'summary'],
)

const retraction: Record<string, Schema> = {
  Retract: object({ key: { ...name, description: 'The key of the intent.' } }, ['key']),
  Retracted: object(
    {
      seen: { type: 'integer', description: 'Inbox items that had been seen. They are removed too.' },
      cancelled: { type: 'integer', description: 'Deliveries and decisions that were not sent yet, and will not be.' },
      removed: { type: 'integer', description: 'Inbox items removed before anybody saw them.' },
      tooLate: { type: 'integer', description: 'Deliveries that were sent, or may have been, or are being sent.' },
      expanding: { type: 'boolean', description: 'An audience is still being read; its members to come are refused.' },
    },
    ['seen', 'cancelled', 'removed', 'tooLate', 'expanding'],
  ),
}

const status = object(
  {
    intentId: { type: 'string', format: 'uuid' },
    state: { enum: ['unknown', 'parked', 'refused', 'accepted', 'settled', 'expired', 'retracted', 'superseded'] },
    reason: { type: 'string', description: 'Why it was refused or is parked.' },
    outcomes: {
      type: 'object',
      description: 'Deliveries and refusals by outcome.',
      propertyNames: { enum: outcomes.filter(outcome => outcome !== 'moved') },
      additionalProperties: { type: 'integer' },
    },
    held: { type: 'integer', description: 'Decisions that wait: for a time, a turn, quiet hours, a step.' },
    open: { type: 'integer', description: 'Deliveries under way.' },
    expanding: { type: 'boolean', description: 'An audience is still being read.' },
  },
  ['intentId', 'state', 'outcomes', 'held', 'open', 'expanding'],
)

const spreadOver: Schema = {
  ...{ type: 'string', pattern: '^\\d+(\\.\\d+)?[smhd]$' },
  description: 'People are told one after the other, evenly over that time: 10m. At most 24h; not for critical types.',
}

const schemasOf = (catalogue: Catalogue): Record<string, Schema> => ({
  Intent: object(
    {
      type: { enum: [...catalogue.types.keys()], description: 'A notification type of the catalogue.' },
      to: { type: 'array', minItems: 1, maxItems: intentToMax, items: ref('Recipient') },
      data: { type: 'object', description: 'As the schema of the type has it.' },
      key: { ...name, description: 'Idempotency key: derive it from what happened, never randomly.' },
      actor: { ...name, description: 'Who did it: is not notified of it.' },
      tenant: name,
      room: { ...name, description: 'The chat channel where it happened: people set a level for it.' },
      thread: name,
      expiresIn: { type: 'string', pattern: '^\\d+(\\.\\d+)?[smhd]$', description: 'Worthless after that time: 10m.' },
      sendAt: { ...instant, description: 'Not before.' },
      spreadOver,
      supersedes: { ...name, description: 'Key of an earlier intent that this one takes the place of.' },
      dryRun: { type: 'boolean', description: 'Decided and told in its status, never sent. Needs a key of its own.' },
      occurredAt: { ...instant, description: 'When it happened. Default: now.' },
      orderingKey: {
        ...name,
        description: 'Intents of one lane with the same one are decided in the order they were stored in.',
      },
    },
    ['type', 'to', 'data'],
  ),
  Recipient: {
    oneOf: [
      { ...name, description: 'A person’s id.' },
      object({ id: name, reason: name }, ['id']),
      object({ audience: name, reason: name }, ['audience']),
      object({ contact: ref('Contact'), locale: name, reason: name }, ['contact']),
    ],
  },
  Contact: {
    oneOf: [
      object({ email: { type: 'string', format: 'email' } }, ['email']),
      object({ phone: { type: 'string', pattern: '^\\+[1-9]\\d{6,14}$' } }, ['phone']),
    ],
  },
  Accepted: object({ intentId: { type: 'string', format: 'uuid' }, statusUrl: { type: 'string' } }, [
    'intentId',
    'statusUrl',
  ]),
  Status: status,
  Simulation: simulation,
  ...retraction,
  Problem: {
    type: 'object',
    description: 'RFC 9457.',
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      errors: { type: 'array', items: object({ detail: { type: 'string' }, pointer: { type: 'string' } }, ['detail']) },
    },
    required: ['type', 'title', 'status'],
  },
})
