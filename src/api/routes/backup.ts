import { z } from 'zod';
import { messageOf, OperatorError } from '../../base/index.ts';
import { type ApiContext, type App, callerOf } from '../context.ts';
import { GUARDED_PROBLEMS, json, problemResponses } from '../docs.ts';
import { checkOwner } from '../guard.ts';
import { namespaceParameter } from '../parameters.ts';
import { Problem } from '../problems.ts';

const backupBody = z.strictObject({
  folder: z
    .string({ error: 'an absolute path' })
    .min(1)
    .max(4096)
    .meta({
      description: 'Where to, on the machine of the server: a new or an empty folder, as an absolute path.',
      examples: ['/var/backups/sonde-1'],
    }),
  data: z.string({ error: 'an absolute path' }).min(1).max(4096).optional().meta({
    description: 'Refused when the server has another data folder than this one.',
  }),
});

const doneBody = z.object({
  folder: z.string(),
  files: z.int(),
  bytes: z.int(),
  storeBytes: z.int(),
  historyBytes: z.int(),
  ms: z.int(),
});

/** `POST /api/v1/backup`: a copy of the data folder, for its owner on this machine. One at a time. */
export function addBackupRoute(app: App, { backup, logger }: ApiContext): void {
  let underWay = false;
  app.post(
    '/backup',
    {
      preHandler: checkOwner,
      schema: {
        tags: ['server'],
        operationId: 'backup',
        summary: 'Back up all data into a folder',
        description:
          'Copies the data folder while it is in use. Only for a caller on the machine of the server who may do everything. ' +
          '`sonde backup` asks this; `sonde restore` makes a data folder of the copy.',
        querystring: z.strictObject({ namespace: namespaceParameter }),
        body: backupBody,
        response: {
          200: json('The backup is whole.', doneBody, {
            folder: '/var/backups/sonde-1',
            files: 9,
            bytes: 33_554_432,
            storeBytes: 16_777_216,
            historyBytes: 16_700_000,
            ms: 412,
          }),
          ...problemResponses(
            ...GUARDED_PROBLEMS,
            'not-authorized',
            'bad-json',
            'unsupported-media-type',
            'busy',
            'backup-failed',
          ),
        },
      },
    },
    async (request, reply) => {
      const { folder, data } = request.body;
      if (!callerOf(request).local) {
        throw new Problem('not-authorized', 'A backup is written on the machine of the server: ask for it there.');
      }
      if (backup === null) throw new Problem('backup-failed', 'This server has no data folder.');
      if (underWay) {
        throw new Problem('busy', 'A backup is under way already.', { headers: { 'retry-after': '10' } });
      }
      underWay = true;
      try {
        logger.info({ folder }, 'a backup was asked for');
        const report = await backup(folder, data ?? null);
        logger.info({ ...report }, 'a backup was made');
        return reply.send(report);
      } catch (error) {
        logger.error({ folder, error: messageOf(error) }, 'a backup could not be made');
        // The owner, on this machine: may know the names of files.
        if (error instanceof OperatorError) {
          throw new Problem('backup-failed', `${error.message}. ${error.advice}`, { cause: error });
        }
        throw error;
      } finally {
        underWay = false;
      }
    },
  );
}
