CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.channels (
    name text NOT NULL,
    failures integer NOT NULL,
    until timestamp with time zone NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL,
    staff_knows boolean NOT NULL,
    mark text NOT NULL
);
CREATE TABLE public.followups (
    id integer NOT NULL,
    store text NOT NULL,
    rule text NOT NULL,
    subject text NOT NULL,
    step text NOT NULL,
    action integer NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    order_id text NOT NULL,
    number text NOT NULL,
    person text NOT NULL,
    channel text,
    locale text,
    state text NOT NULL,
    final boolean NOT NULL,
    held_for text,
    approved boolean NOT NULL,
    reason text,
    event_at timestamp with time zone NOT NULL,
    planned_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    backfilled boolean NOT NULL,
    at timestamp with time zone NOT NULL,
    version text NOT NULL,
    tries integer NOT NULL,
    intent bytea,
    intent_at timestamp with time zone,
    result text,
    basis text,
    passed_over text
);
CREATE SEQUENCE public.followups_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.followups_id_seq OWNED BY public.followups.id;
CREATE TABLE public.ledger (
    mark text NOT NULL,
    followup integer NOT NULL,
    store text NOT NULL,
    order_id text NOT NULL,
    marketing boolean NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.listening (
    store text NOT NULL,
    what text NOT NULL,
    cursor text,
    heard_at timestamp with time zone,
    error text,
    error_since timestamp with time zone,
    failures integer NOT NULL,
    retry_at timestamp with time zone
);
CREATE TABLE public.orders (
    store text NOT NULL,
    id text NOT NULL,
    number text NOT NULL,
    person text NOT NULL,
    facts bytea NOT NULL,
    journal bytea NOT NULL,
    open boolean NOT NULL,
    past boolean NOT NULL,
    ask_at timestamp with time zone,
    missing_since timestamp with time zone,
    erased text,
    remarks bytea,
    noted_at timestamp with time zone
);
CREATE TABLE public.pauses (
    store text NOT NULL,
    rule text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.products (
    store text NOT NULL,
    id text NOT NULL,
    facts bytea NOT NULL,
    read_at timestamp with time zone NOT NULL
);
CREATE TABLE public.quarantine (
    store text NOT NULL,
    order_id text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    look_at timestamp with time zone NOT NULL
);
CREATE TABLE public.rules (
    store text NOT NULL,
    rule text NOT NULL,
    version text NOT NULL,
    enabled boolean NOT NULL,
    since timestamp with time zone NOT NULL,
    first_id text NOT NULL
);
CREATE TABLE public.state (
    key text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.stores (
    id text NOT NULL,
    identity bytea,
    key_mark text,
    cursor text,
    checkout_cursor text,
    baseline_at timestamp with time zone,
    baseline_done_at timestamp with time zone,
    polled_at timestamp with time zone,
    swept_at timestamp with time zone,
    error text,
    error_since timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    skew double precision,
    refused_at timestamp with time zone,
    tidied_at timestamp with time zone,
    planned_by text,
    products_error text,
    products_retry_at timestamp with time zone
);
CREATE TABLE public.suppressions (
    mark text NOT NULL,
    purpose text NOT NULL,
    address text,
    reason text,
    forgotten boolean NOT NULL,
    along_with text,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.versions (
    store text NOT NULL,
    rule text NOT NULL,
    version text NOT NULL,
    source text,
    goes_by text NOT NULL,
    since timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.followups ALTER COLUMN id SET DEFAULT nextval('public.followups_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.followups VALUES (2, 'tea', 'many', 'order:101', '1', 1, 1, 'add_tag', '101', '101', 'f3fd033426d1f8a64b26915943d2e93a', NULL, NULL, 'held', false, 'approval', false, 'held: 2 follow-ups of this rule within an hour, and its max_per_run is 1', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', NULL, false, '2026-06-01 09:00:00+00', '536468e3b3dbba286fa6c468cb8ea469a5900b65feb3eb6a44d5889dbf13dcc7', 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.followups VALUES (4, 'tea', 'many', 'order:102', '1', 1, 1, 'add_tag', '102', '102', 'f92e0556223327fc798a0b33dbdb649c', NULL, NULL, 'held', false, 'approval', false, 'held: 2 follow-ups of this rule within an hour, and its max_per_run is 1', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', NULL, false, '2026-06-01 09:00:00+00', '536468e3b3dbba286fa6c468cb8ea469a5900b65feb3eb6a44d5889dbf13dcc7', 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.followups VALUES (1, 'tea', 'welcome', 'order:101', '1', 1, 1, 'add_note', '101', '101', 'f3fd033426d1f8a64b26915943d2e93a', NULL, NULL, 'done', true, NULL, false, NULL, '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', NULL, false, '2026-06-01 09:00:00+00', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', 1, '\x7b7d', '2026-06-01 09:00:00+00', '3', NULL, NULL);
INSERT INTO public.followups VALUES (5, 'tea', 'welcome', 'order:101', '2', 1, 2, 'send', '101', '101', 'f3fd033426d1f8a64b26915943d2e93a', NULL, NULL, 'pending', false, NULL, false, NULL, '2026-06-01 09:00:00+00', '2026-06-03 09:00:00+00', '2026-06-03 09:00:00+00', '2026-06-10 09:00:00+00', false, '2026-06-01 09:00:00+00', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.followups VALUES (3, 'tea', 'welcome', 'order:102', '1', 1, 1, 'add_note', '102', '102', 'f92e0556223327fc798a0b33dbdb649c', NULL, NULL, 'done', true, NULL, false, NULL, '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', NULL, false, '2026-06-01 09:00:00+00', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', 1, '\x7b7d', '2026-06-01 09:00:00+00', '4', NULL, NULL);
INSERT INTO public.followups VALUES (6, 'tea', 'welcome', 'order:102', '2', 1, 2, 'send', '102', '102', 'f92e0556223327fc798a0b33dbdb649c', NULL, NULL, 'skipped', false, NULL, false, 'order.status is cancelled, wanted anything but cancelled', '2026-06-01 09:00:00+00', '2026-06-03 09:00:00+00', '2026-06-03 09:00:00+00', '2026-06-10 09:00:00+00', false, '2026-06-01 09:00:00+00', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.orders VALUES ('tea', '101', '101', 'f3fd033426d1f8a64b26915943d2e93a', '\x7b226964223a22313031222c226e756d626572223a22313031222c22737461747573223a2270726f63657373696e67222c22637265617465645f6174223a22323032362d30362d30315430393a30303a30305a222c226d6f6469666965645f6174223a22323032362d30362d30315430393a30303a30305a222c22746f74616c223a7b22616d6f756e74223a2237342e3930222c2263757272656e6379223a22494c53227d2c22637573746f6d6572223a7b22656d61696c223a22637573746f6d6572313031406578616d706c652e636f6d222c2270686f6e65223a222b393732353030303030303030222c2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65227d2c2262696c6c696e67223a7b2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65222c226c696e6531223a22312053616d706c6520537472656574222c2263697479223a224861696661222c22706f7374636f6465223a2233313030303031222c22636f756e747279223a22494c222c2270686f6e65223a222b393732353030303030303030227d2c227368697070696e67223a7b2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65222c226c696e6531223a22312053616d706c6520537472656574222c2263697479223a224861696661222c22706f7374636f6465223a2233313030303031222c22636f756e747279223a22494c222c2270686f6e65223a222b393732353030303030303030227d2c22706169645f6174223a22323032362d30362d30315430393a30303a30305a222c226974656d73223a5b7b226964223a2231222c226e616d65223a22436572616d6963206d7567222c227175616e74697479223a312c22746f74616c223a7b22616d6f756e74223a2234392e3930222c2263757272656e6379223a22494c53227d2c2270726f647563745f6964223a223130222c22736b75223a224d55472d31227d5d2c227061796d656e745f6d6574686f64223a2263617264222c227061796d656e745f7469746c65223a224372656469742063617264222c227368697070696e675f6d6574686f64223a22436f7572696572222c227061796d656e745f75726c223a22687474703a2f2f3132372e302e302e313a34333335332f636865636b6f75742f6f726465722d7061792f3130312f3f7061795f666f725f6f726465723d74727565266b65793d77635f6f726465725f33643136653564663863636432222c22736f75726365223a22636865636b6f7574227d', '\x5b7b226b696e64223a226f726465722e706c61636564222c226174223a22323032362d30362d30315430393a30303a30305a227d2c7b226b696e64223a226f726465722e70616964222c226174223a22323032362d30362d30315430393a30303a30305a227d2c7b226b696e64223a226f726465722e7374617475733a70726f63657373696e67222c226174223a22323032362d30362d30315430393a30303a30305a222c22736f75726365223a227365656e222c226461746564223a66616c73657d5d', true, false, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.orders VALUES ('tea', '102', '102', 'f92e0556223327fc798a0b33dbdb649c', '\x7b226964223a22313032222c226e756d626572223a22313032222c22737461747573223a2263616e63656c6c6564222c22637265617465645f6174223a22323032362d30362d30315430393a30303a30305a222c226d6f6469666965645f6174223a22323032362d30362d30315430393a30303a30305a222c22746f74616c223a7b22616d6f756e74223a2237342e3930222c2263757272656e6379223a22494c53227d2c22637573746f6d6572223a7b22656d61696c223a22637573746f6d6572313032406578616d706c652e636f6d222c2270686f6e65223a222b393732353030303030303030222c2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65227d2c2262696c6c696e67223a7b2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65222c226c696e6531223a22312053616d706c6520537472656574222c2263697479223a224861696661222c22706f7374636f6465223a2233313030303031222c22636f756e747279223a22494c222c2270686f6e65223a222b393732353030303030303030227d2c227368697070696e67223a7b2266697273745f6e616d65223a224e6f61222c226c6173745f6e616d65223a224578616d706c65222c226c696e6531223a22312053616d706c6520537472656574222c2263697479223a224861696661222c22706f7374636f6465223a2233313030303031222c22636f756e747279223a22494c222c2270686f6e65223a222b393732353030303030303030227d2c22706169645f6174223a22323032362d30362d30315430393a30303a30305a222c226974656d73223a5b7b226964223a2233222c226e616d65223a22436572616d6963206d7567222c227175616e74697479223a312c22746f74616c223a7b22616d6f756e74223a2234392e3930222c2263757272656e6379223a22494c53227d2c2270726f647563745f6964223a223130222c22736b75223a224d55472d31227d5d2c227061796d656e745f6d6574686f64223a2263617264222c227061796d656e745f7469746c65223a224372656469742063617264222c227368697070696e675f6d6574686f64223a22436f7572696572222c227061796d656e745f75726c223a22687474703a2f2f3132372e302e302e313a34333335332f636865636b6f75742f6f726465722d7061792f3130322f3f7061795f666f725f6f726465723d74727565266b65793d77635f6f726465725f30373265626435356234386237222c22736f75726365223a22636865636b6f7574227d', '\x5b7b226b696e64223a226f726465722e706c61636564222c226174223a22323032362d30362d30315430393a30303a30305a227d2c7b226b696e64223a226f726465722e70616964222c226174223a22323032362d30362d30315430393a30303a30305a227d2c7b226b696e64223a226f726465722e7374617475733a70726f63657373696e67222c226174223a22323032362d30362d30315430393a30303a30305a222c22736f75726365223a227365656e222c226461746564223a66616c73657d2c7b226b696e64223a226f726465722e7374617475733a63616e63656c6c6564222c226174223a22323032362d30362d30315430393a30303a30305a222c22736f75726365223a227365656e222c226461746564223a66616c73657d5d', false, false, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.rules VALUES ('tea', 'welcome', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', true, '2026-06-01 09:00:00+00', 'welcome');
INSERT INTO public.rules VALUES ('tea', 'many', '536468e3b3dbba286fa6c468cb8ea469a5900b65feb3eb6a44d5889dbf13dcc7', true, '2026-06-01 09:00:00+00', 'many');
INSERT INTO public.state VALUES ('secret', '07dbf8b715db5d4e6f6a01b0332503518f1a651d102bfc8e10265d7f7ec5cd7f');
INSERT INTO public.state VALUES ('edition', '{"mark":"b0274eaa0b7ac85158ffa38519098c765d107b33d73b6c4e56d000ed23f09f75","rules":["{\"id\": \"welcome\", \"trigger\": \"order.placed\", \"stop_if\": {\"order.status\": \"cancelled\"}, \"steps\": [{\"actions\": [{\"add_note\": \"Hello {{ customer.first_name }}\"}]}, {\"wait\": \"2 days\", \"actions\": [{\"send\": \"How was it?\"}]}]}","{\"id\": \"many\", \"trigger\": \"order.placed\", \"max_per_run\": 1, \"actions\": [{\"add_tag\": \"new\"}]}"],"templates":{}}');
INSERT INTO public.stores VALUES ('tea', '\x7b2275726c223a22687474703a2f2f3132372e302e302e313a3433333533222c22726561636865645f6174223a22687474703a2f2f3132372e302e302e313a3433333533222c22736974655f6964223a2233336236343736362d326230302d343234372d393637632d323437313836323063613564222c2263757272656e6379223a22494c53227d', 'fbfb5d459c06f973', '2026-06-01T09:00:00+00:00', NULL, '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', '2026-06-01 09:00:00+00', NULL, NULL, 0, NULL, 0, NULL, NULL, 'd86e2fe3359d7a7c7f8d11e9e77c9875512dc2c0228e37e60d6a203a91988f50', NULL, NULL);
INSERT INTO public.versions VALUES ('tea', 'welcome', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', '{"id": "welcome", "trigger": "order.placed", "stop_if": {"order.status": "cancelled"}, "steps": [{"actions": [{"add_note": "Hello {{ customer.first_name }}"}]}, {"wait": "2 days", "actions": [{"send": "How was it?"}]}]}', 'ca0dbe32a5301b978aa42f4781fda7f98b38a3df0884c68dd2af57b1e82cffd7', '2026-06-01 09:00:00+00');
INSERT INTO public.versions VALUES ('tea', 'many', '536468e3b3dbba286fa6c468cb8ea469a5900b65feb3eb6a44d5889dbf13dcc7', '{"id": "many", "trigger": "order.placed", "max_per_run": 1, "actions": [{"add_tag": "new"}]}', '536468e3b3dbba286fa6c468cb8ea469a5900b65feb3eb6a44d5889dbf13dcc7', '2026-06-01 09:00:00+00');
SELECT pg_catalog.setval('public.followups_id_seq', 6, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.channels
    ADD CONSTRAINT pk_channels PRIMARY KEY (name);
ALTER TABLE ONLY public.followups
    ADD CONSTRAINT pk_followups PRIMARY KEY (id);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT pk_ledger PRIMARY KEY (mark, followup);
ALTER TABLE ONLY public.listening
    ADD CONSTRAINT pk_listening PRIMARY KEY (store, what);
ALTER TABLE ONLY public.orders
    ADD CONSTRAINT pk_orders PRIMARY KEY (store, id);
ALTER TABLE ONLY public.pauses
    ADD CONSTRAINT pk_pauses PRIMARY KEY (store, rule);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT pk_products PRIMARY KEY (store, id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT pk_quarantine PRIMARY KEY (store, order_id);
ALTER TABLE ONLY public.rules
    ADD CONSTRAINT pk_rules PRIMARY KEY (store, rule);
ALTER TABLE ONLY public.state
    ADD CONSTRAINT pk_state PRIMARY KEY (key);
ALTER TABLE ONLY public.stores
    ADD CONSTRAINT pk_stores PRIMARY KEY (id);
ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT pk_suppressions PRIMARY KEY (mark);
ALTER TABLE ONLY public.versions
    ADD CONSTRAINT pk_versions PRIMARY KEY (store, rule, version);
ALTER TABLE ONLY public.followups
    ADD CONSTRAINT uq_followups_store_rule_subject_step_action UNIQUE (store, rule, subject, step, action);
CREATE INDEX ix_followups_done ON public.followups USING btree (store, rule, at, backfilled) WHERE ((state = 'done'::text) AND (action = 1));
CREATE INDEX ix_followups_due ON public.followups USING btree (store, due_at) WHERE (state = 'pending'::text);
CREATE INDEX ix_followups_open_ends ON public.followups USING btree (store, state, rule) WHERE ((state = 'unknown'::text) OR (state = 'held'::text));
CREATE INDEX ix_followups_order ON public.followups USING btree (store, order_id);
CREATE INDEX ix_followups_person ON public.followups USING btree (person);
CREATE INDEX ix_followups_sent ON public.followups USING btree (channel, intent_at) WHERE (result IS NOT NULL);
CREATE INDEX ix_ledger_at ON public.ledger USING btree (at);
CREATE INDEX ix_ledger_followup ON public.ledger USING btree (followup);
CREATE INDEX ix_orders_ask_at ON public.orders USING btree (store, ask_at) WHERE (ask_at IS NOT NULL);
CREATE INDEX ix_orders_number ON public.orders USING btree (store, number) WHERE (number <> id);
CREATE INDEX ix_orders_open ON public.orders USING btree (store) WHERE (open IS TRUE);
CREATE INDEX ix_orders_person ON public.orders USING btree (store, person);
