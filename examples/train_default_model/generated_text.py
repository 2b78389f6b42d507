"""Sentences made from our own templates: subjects that the text files have little of.

Each maker returns a group, a list of two to four sentences that share words but not always a
meaning, since the student learns most from how its teacher tells such sentences apart.
"""

PRODUCTS = ("花呗 借呗 微粒贷 信用卡 网商贷 白条 余额宝 贷款 储蓄卡 会员 账户 钱包 理财 保险 备用金 "
            "红包 话费 公积金 房贷 车贷 分期 零钱 基金 账单 优惠券").split()
ACTIONS = ("还款 提前还款 开通 关闭 注销 提现 借款 转账 充值 退款 分期 提额 更换手机号 修改密码 "
           "更换银行卡 解绑银行卡 绑定银行卡 申请 取消 查询账单 恢复使用 实名认证 扫码付款 延期还款 "
           "查看额度 一次性还清 自动扣款 冻结 解冻 还利息 开发票 收款 授权 激活").split()
STATES = ("用不了 被冻结了 打不开 没有额度 额度变少了 逾期了 还不上 付不了款 不能分期 收不到验证码 "
          "显示系统繁忙 没有到账 扣了两次钱 审核不通过 登录不上 还不了款 被关闭了 不能提前还 找不到入口 "
          "提示有风险 额度不够 没有权限 不能提现 自动扣款失败 一直在审核").split()
HOW = ("怎么{a}{p}|{p}怎么{a}|如何{a}{p}|{p}{a}在哪里操作|我想{a}{p}|{p}可以{a}吗|能不能{a}{p}|"
       "为什么我的{p}不能{a}|{p}{a}要多久|{p}{a}需要什么条件|{p}{a}要手续费吗|什么时候可以{a}{p}|"
       "{p}{a}不了怎么办|请问{p}支持{a}吗|{p}的{a}流程是什么|{p}{a}失败是什么原因|我没有{a}过{p}|"
       "{p}已经{a}了为什么还有记录|不想{a}{p}了|{p}{a}后多久能再用|怎样才能{a}{p}|{p}{a}有没有次数限制|"
       "{p}能用别人的银行卡{a}吗|换了手机{p}怎么{a}|{p}最晚几号{a}|我要{a}{p}|{p}{a}收费吗").split("|")
WHY = ("我的{p}为什么{s}|{p}{s}怎么办|{p}{s}是怎么回事|为啥{p}{s}|{p}总是{s}|{p}又{s}|{p}{s}怎么处理|"
       "{p}{s}会有什么影响|怎么我的{p}{s}|刚才还好好的{p}现在{s}|{p}昨天开始{s}|什么情况下{p}会{s}").split("|")
AMOUNTS = "一百 500 1000元 两千 五千块 1万 3万元 三分之一 一半 全部".split()
DATES = "今天 明天 昨天 这个月 下个月 月底 8号 10号 15号 二十号 上周 去年 双十一 春节 周末".split()
MONEY = ("{d}能还{n}的{p}吗|{p}{d}要还{n}|我{d}用{p}付了{n}|{p}的额度只有{n}|{d}{p}扣了我{n}|"
         "{p}最多可以借{n}吗|{n}的{p}利息是多少|{d}还了{n}{p}怎么还没恢复|{p}{d}还款日可以推迟吗|"
         "{p}还款日是不是{d}|{p}账单{d}出来吗").split("|")

PEOPLE = ("一个男人 一个女人 一个小男孩 一个小女孩 两个孩子 一位老人 几个学生 一名士兵 一群人 一个厨师 "
          "一只狗 一只猫 两只小狗 一匹马 一只猴子 一位母亲 一个婴儿 一名球员 一个歌手 三个女人").split()
DOING = ("弹吉他 骑自行车 切洋葱 跑步 跳舞 游泳 睡觉 吃苹果 看书 打电话 踢足球 打篮球 画画 唱歌 洗碗 "
         "喝水 骑马 放风筝 玩球 追赶一只鸟 爬树 做饭 切西红柿 弹钢琴 拉小提琴 剥土豆 打鼓 说话 走路 "
         "开车 推婴儿车 钓鱼 拍照 写字 扫地 举重 滑雪 化妆 抱着孩子 搅拌鸡蛋").split()
PLACES = ("公园里 厨房里 街上 沙滩上 草地上 雪地里 舞台上 教室里 水里 床上 沙发上 院子里 体育馆里 桥上 "
          "山坡上 火车站 湖边 商店门口").split()
CAPTION = "{w}正在{x}{d}|{w}在{x}{d}|{x}有{w}在{d}|{w}没有{d}|{w}在{d}|{w}开始{d}|{w}一边{d}一边{e}".split("|")

NAMES = ("李明 王芳 约翰·史密斯 玛丽·安德森 张伟 刘洋 罗伯特·李 安娜·科瓦奇 陈静 汤姆·威尔逊 "
         "赵磊 彼得·汉森 艾米丽·布朗 周涛 卡洛斯·戈麦斯 乔治·泰勒").split()
TOWNS = ("北京 上海 伦敦 巴黎 纽约 东京 柏林 罗马 悉尼 多伦多 广州 成都 西安 马德里 维也纳 芝加哥 莫斯科 "
         "首尔 加利福尼亚州 苏格兰 新西兰 佛罗里达州 匈牙利 澳大利亚").split()
YEARS = [str(year) for year in range(1861, 2019, 7)]
JOBS = "作家 歌手 导演 教练 律师 画家 政治家 足球运动员 物理学家 记者 钢琴家 建筑师 将军 主教".split()
FACTS = ("{a}于{y}年出生在{t}，后来搬到了{u}。|{a}于{y}年出生在{u}，后来搬到了{t}。|"
         "{y}年，{a}在{t}击败了{b}。|{y}年，{b}在{t}击败了{a}。|{y}年，{a}在{t}被{b}击败。|"
         "{a}是{t}的一名{j}，曾与{b}一起在{u}工作。|{b}是{u}的一名{j}，曾与{a}一起在{t}工作。|"
         "这座桥连接{t}和{u}，建于{y}年。|这座桥连接{u}和{t}，{y}年建成。|"
         "{a}接替{b}成为{t}的{j}。|{b}接替{a}成为{t}的{j}。|{a}的父亲{b}是{t}人，母亲来自{u}。|"
         "{a}的母亲来自{t}，父亲{b}是{u}人。|{y}年至{z}年，{a}在{t}担任{j}。|"
         "从{z}年到{y}年，{a}是{u}的{j}。|该公司{y}年从{t}迁往{u}。|该公司{y}年从{u}迁往{t}。|"
         "这首歌由{a}创作，由{b}演唱，{y}年在{t}发行。|这首歌由{b}创作，由{a}演唱，{y}年在{t}发行。").split("|")

THINGS = ("手机 电脑 冰箱 空调 苹果 牛奶 鸡蛋 衬衫 微信 QQ 游戏 电影 小说 英语 数学 汽车 摩托车 头发 皮肤 "
          "感冒 牙齿 猫 狗 花 房子 护照 身份证 快递 火车票 工作 作文 歌 照片 软件 减肥药 茶叶").split()
ASKS = ("{t}怎么{v}|怎么{v}{t}|{t}哪个牌子好|什么{t}最好|{t}多少钱|为什么{t}会坏|{t}是什么意思|"
        "哪里可以{v}{t}|{t}用英语怎么说|有什么好看的{t}推荐|{t}和{o}哪个好|{o}和{t}有什么区别|"
        "求一个{t}的名字|{t}坏了怎么办|不{v}{t}可以吗|谁知道{t}怎么{v}啊|有没有{v}{t}的方法|"
        "{t}一般什么时候{v}|{v}{t}要注意什么|女生{v}什么{t}好|男生送女生{t}合适吗").split("|")
VERBS = "买 卖 修 洗 学 换 保养 选 下载 注册 找 画 办理 寄 保存 设置 升级 养 做".split()

MEN = ("a man|a woman|a boy|a girl|two children|an old man|some people|a chef|a dog|a cat|two dogs|"
       "a horse|a soldier|a group of people|a player|the young lady|three men|the baby").split("|")
DO = ("playing the guitar|riding a bike|cutting an onion|running|dancing|swimming|sleeping|"
      "eating an apple|reading a book|talking on the phone|playing football|painting a picture|"
      "singing|washing dishes|drinking water|riding a horse|flying a kite|chasing a ball|"
      "climbing a tree|cooking|slicing a tomato|playing the piano|peeling a potato|walking|"
      "driving a car|fishing|taking a photo|writing a letter|lifting weights|jumping").split("|")
WHERE = ("in the park|in the kitchen|on the street|on the beach|on the grass|in the snow|on stage|"
         "in the water|on the bed|near the lake|on a bridge|in front of a store|at the station").split("|")
SCENES = ("{m} is {d}.|{m} is {d} {w}.|{m} is not {d}.|there is {m} {d} {w}.|{m} was {d} {w}.|"
          "{w} {m} is {d}.|{m} and {n} are {d}.|{m} starts {d}.|nobody is {d} {w}.").split("|")
GOODS = ("credit card|account|phone|order|password|ticket|loan|computer|package|bank card|email|"
         "subscription|car|house|passport|printer|game|camera").split("|")
DEEDS = "cancel|change|open|close|pay for|find|return|buy|sell|fix|check|update|reset|use".split("|")
QUESTIONS = ("how do i {v} my {g}?|how can i {v} a {g}?|can i {v} my {g} now?|why can't i {v} my {g}?|"
             "where can i {v} a {g}?|i want to {v} my {g}.|i don't want to {v} my {g}.|"
             "what is the best way to {v} a {g}?|my {g} does not work.|what should i do if my {g} is lost?|"
             "how much does a {g} cost?|what is the difference between a {g} and a {h}?|"
             "should i {v} a {g} or a {h}?|is it possible to {v} the {g}?").split("|")
COUNTRIES = ("china|france|india|russia|iran|israel|japan|germany|egypt|syria|ukraine|canada|"
             "new york|london|california|the european union").split("|")
EVENTS = ("{c} and {k} sign a new trade deal|{c} says talks with {k} have failed|{p} people killed in {c} bomb attack|"
          "{p} dead after bus crash in {c}|{c} rejects {k} plan|{k} rejects {c} plan|president of {c} visits {k}|"
          "president of {k} visits {c}|shares in {c} fall {p} percent|shares in {c} rise {p} percent|"
          "{c} wins the final against {k}|{k} wins the final against {c}|police in {c} arrest {p} men").split("|")
NEWS = ("{c}与{k}签署协议|{c}总统访问{k}|{k}总统访问{c}|{c}发生车祸{p}人死亡|{c}爆炸造成{p}人受伤|{c}股市上涨{p}%|"
        "{c}股市下跌{p}%|{c}警方逮捕{p}名嫌疑人|{c}拒绝{k}的提议|{k}拒绝{c}的提议|{c}决赛击败{k}夺冠|"
        "{k}决赛击败{c}夺冠|{c}选举推迟{p}天|{c}地震已致{p}人遇难").split("|")
LANDS = "中国 法国 印度 俄罗斯 伊朗 以色列 日本 德国 埃及 叙利亚 乌克兰 加拿大 美国 英国 巴西 韩国".split()
OPENINGS = ["", "", "", "", "", "你好，", "请问", "亲，", "那个", "我问一下", "麻烦问下"]
ENDINGS = ["", "", "", "", "？", "?", "啊", "呢", "，谢谢", "！"]


def group(random, templates, fixed, free, count):
    """Sentences of one set of slot values; at times one value is another."""
    values = {name: random.choice(choices) for name, choices in fixed.items()}
    made = []
    for template in random.sample(templates, count):
        mine = dict(values)
        if free and random.random() < 0.3:
            name = random.choice(list(free))
            mine[name] = random.choice(free[name])
        made.append(template.format(**mine))
    return made


def dressed(random, sentences):
    return [random.choice(OPENINGS) + text + random.choice(ENDINGS) for text in sentences]


def service(random):
    slots = {"p": PRODUCTS, "a": ACTIONS, "s": STATES, "n": AMOUNTS, "d": DATES}
    templates = random.choices([HOW, WHY, MONEY, HOW + WHY], [5, 3, 2, 2])[0]
    return dressed(random, group(random, templates, slots, slots, random.choice([2, 3])))


def daily(random):
    slots = {"t": THINGS, "o": THINGS, "v": VERBS}
    return dressed(random, group(random, ASKS, slots, slots, random.choice([2, 3])))


def caption(random):
    slots = {"w": PEOPLE, "d": DOING, "e": DOING, "x": PLACES}
    return group(random, CAPTION, slots, slots, random.choice([2, 3]))


def fact(random):
    slots = {"t": TOWNS, "u": TOWNS, "a": NAMES, "b": NAMES, "y": YEARS, "z": YEARS, "j": JOBS}
    first = random.randrange(0, len(FACTS) - 1)
    near = FACTS[first:first + 2] + random.sample(FACTS, 1)
    return list(dict.fromkeys(group(random, near, slots, None, 3)))


def news(random):
    slots = {"c": LANDS, "k": LANDS, "p": [str(n) for n in range(2, 90)]}
    return group(random, NEWS, slots, slots, random.choice([2, 3]))


def english(random):
    slots = {"m": MEN, "n": MEN, "d": DO, "w": WHERE, "g": GOODS, "h": GOODS, "v": DEEDS,
             "c": COUNTRIES, "k": COUNTRIES, "p": [str(n) for n in range(2, 60)]}
    templates = random.choices([SCENES, QUESTIONS, EVENTS], [4, 2, 3])[0]
    return group(random, templates, slots, slots, random.choice([2, 3]))


MAKERS = {"service": service, "daily": daily, "caption": caption, "fact": fact, "news": news,
          "english": english}
